//! The rules of the ownership protocol that can be switched off, one by one, to see what goes wrong without them.

/// What a claim leaves in the row (rule 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    Never,
    EpochOnly,
    Token,
}

/// How the payload gets to the next owner (rule 19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// In the answer to the request, beside a release.
    Answer,
    /// Offered until it is acknowledged; then the lease is transferred.
    Offer,
}

/// What a holder does about a `transfer` whose answer it does not know (rule 20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeBack {
    /// Resumes.
    Blindly,
    /// Resumes when the service says that it still holds the id.
    AfterLook,
    /// Resumes under a new grant only, to which a late `transfer` does not apply.
    ByGrant,
}

/// When an activation that was suspended goes on with its memory (rule 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    Always,
    /// Before its write in flight is answered: if the row is one version further, that must have been the write.
    Guess,
    /// If its writes are answered, and the claim is the only thing that has happened to the row since.
    Unchanged,
}

/// When a reply from memory looks at the lease's deadline (rules 25 and 26).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadCheck {
    /// When a timer fires, some time.
    Never,
    /// When the call has come, before its state is read.
    BeforeReading,
    /// Just before the reply is sent.
    AfterReading,
    /// Asks the store instead whether the row is still ours.
    Store,
}

/// Which records of commands are kept and found (rules 29 to 31).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    None,
    LastOnly,
    HighestOnly,
    /// By number alone: sessions share them.
    WithoutSession,
    /// All, until the client says that it has the reply.
    FromLowest,
}

/// How a change of two rows is committed (rule 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    Atomic,
    Split,
    /// The first write holds what the second row needs; whoever activates finishes it.
    Redo,
}

/// What is in force. `Rules::default()` is the protocol.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Rule 1: a restarted app is another holder.
    pub life_in_holder: bool,
    /// Rule 2: also a grant to the present holder has a new epoch.
    pub fresh_epochs: bool,
    /// Rules 2, 12 and 17: `acquire` names the largest epoch that was seen.
    pub at_least: bool,
    /// Rule 4: an expired lease is not renewed.
    pub expired_for_good: bool,
    /// Rule 4: a release compares holder and epoch.
    pub release_compares: bool,
    /// Rule 6.
    pub resume: Resume,
    /// Rule 7: an absent row is claimed by a tombstone, and a delete leaves one.
    pub tombstones: bool,
    /// Rule 8.
    pub claim: Claim,
    /// Rule 8, as amended: a claim that the row has already changes nothing.
    pub claim_once: bool,
    /// Rule 8: the token tells activations of one grant apart.
    pub activation_in_token: bool,
    /// Rule 9: the token must be equal.
    pub fence: bool,
    /// Rule 9: the version must be equal.
    pub version: bool,
    /// Rule 9: check and write are one statement.
    pub one_statement: bool,
    /// Rule 10: a write is sent again with the same bytes.
    pub same_bytes: bool,
    /// Rule 13.
    pub batch: Batch,
    /// Rule 14.
    pub reply_after_commit: bool,
    /// Rule 16: a request to move names the holding.
    pub names_the_holding: bool,
    /// Rule 17: the holder obeys only if its own view names the asker.
    pub own_view_agrees: bool,
    /// Rule 17: the request says the asker's largest epoch, and a grant that is not larger is given back.
    pub says_largest: bool,
    /// Rule 17, as amended: who is asked with a larger epoch than its own asks the service.
    pub larger_is_doubted: bool,
    /// Rule 18: the last save comes before the handover.
    pub save_first: bool,
    /// Rule 18: calls that run are ended at a deadline.
    pub calls_end: bool,
    /// Rule 19.
    pub handover: Handover,
    /// Rule 19: an offer of an epoch that the asker has outlived is not parked.
    pub offer_is_newer: bool,
    /// Rule 19: an offer does not replace a later one.
    pub offers_in_order: bool,
    /// Rule 20.
    pub take_back: TakeBack,
    /// Rule 21: a payload is used only under the grant that it came with.
    pub payload_of_grant: bool,
    /// Rule 21: a payload that nobody has used yet is offered on.
    pub unused_is_offered: bool,
    /// Rule 22, as amended: an app that the service names as a holder asks for the grant that it does not know of.
    pub unknown_is_asked_for: bool,
    /// Rule 24.
    pub read_waits: bool,
    /// Rules 25 and 26.
    pub read_check: ReadCheck,
    /// Rule 27: messages are committed with the state.
    pub outbox_in_row: bool,
    /// Rule 27: they go out after the commit.
    pub outbox_after_commit: bool,
    /// Rule 27: the receiver finds those that it has had.
    pub outbox_deduplicated: bool,
    /// Rule 28: a lease decides, not a view.
    pub lease: bool,
    /// Rule 29: a call inside a command has an id that its repetition has as well.
    pub nested_ids: bool,
    /// Rules 29 to 31.
    pub records: Records,
    /// Rule 32: a tombstone that is removed raises the floor of its lease.
    pub floor: bool,
    /// Rule 32: versions go on above the one that a late write would take for itself.
    pub floor_skips: bool,
    /// Rule 32: a tombstone stays while a record in it may be asked for.
    pub records_run_out: bool,
    /// Rule 33: a service that has forgotten the holders grants nothing until all that it had promised them is over.
    pub restart_waits: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            life_in_holder: true,
            fresh_epochs: true,
            at_least: true,
            expired_for_good: true,
            release_compares: true,
            resume: Resume::Unchanged,
            tombstones: true,
            claim: Claim::Token,
            claim_once: true,
            activation_in_token: true,
            fence: true,
            version: true,
            one_statement: true,
            same_bytes: true,
            batch: Batch::Atomic,
            reply_after_commit: true,
            names_the_holding: true,
            own_view_agrees: true,
            says_largest: true,
            larger_is_doubted: true,
            save_first: true,
            calls_end: true,
            handover: Handover::Offer,
            offer_is_newer: true,
            offers_in_order: true,
            take_back: TakeBack::ByGrant,
            payload_of_grant: true,
            unused_is_offered: true,
            unknown_is_asked_for: true,
            read_waits: true,
            read_check: ReadCheck::AfterReading,
            outbox_in_row: true,
            outbox_after_commit: true,
            outbox_deduplicated: true,
            lease: true,
            nested_ids: true,
            records: Records::FromLowest,
            floor: true,
            floor_skips: true,
            records_run_out: true,
            restart_waits: true,
        }
    }
}
