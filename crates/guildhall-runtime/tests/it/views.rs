//! Views of entities, and deltas that keep a copy of a view up to date.

use std::collections::BTreeMap;

use guildhall::Key;
use guildhall::store::{Row, Write};
use guildhall_entity::{ActorState, RowChange};
use proto::profile::avatar::Hat;
use proto::profile::{Avatar, Colour, ProfileState, ProfileStateEntity, ProfileStateView, Trophy};

fn trophy(name: &str) -> Trophy {
    Trophy { name: name.into(), worth: 100 }
}

fn avatar() -> Avatar {
    Avatar {
        face: 1,
        unlocked: 7,
        hat: Some(Hat::Won(trophy("crown"))),
        inner: Some(Box::new(Avatar {
            face: 2,
            unlocked: 8,
            hat: Some(Hat::Name("cap".into())),
            ..Avatar::default()
        })),
        colour: Some(Colour { rgb: 3 }),
    }
}

fn profile() -> ProfileStateEntity {
    let mut profile = ProfileStateEntity::new("ann");
    profile.set_name("Ann");
    profile.set_gold(50);
    profile.set_notes("cheats");
    profile.set_avatar(avatar());
    profile.items_mut().insert("potion".into(), 3);
    profile.set_trophies(vec![trophy("cup")]);
    profile.prizes_mut().insert("1st".into(), trophy("medal"));
    profile.set_team(Some(4));
    profile
}

#[test]
fn a_view_has_its_fields_and_the_key_and_nothing_else() {
    let brief = profile().view(ProfileStateView::Brief);
    let without_worth = |name: &str| Trophy { name: name.into(), worth: 0 };
    let expected = ProfileState {
        player: "ann".into(),
        name: "Ann".into(),
        avatar: Some(Avatar {
            face: 1,
            // Another one of the oneof is not in this view.
            hat: None,
            inner: Some(Box::new(Avatar {
                face: 2,
                hat: Some(Hat::Name("cap".into())),
                ..Avatar::default()
            })),
            colour: Some(Colour { rgb: 3 }),
            ..Avatar::default()
        }),
        trophies: vec![without_worth("cup")],
        prizes: BTreeMap::from([("1st".to_owned(), without_worth("medal"))]),
        ..ProfileState::default()
    };
    assert_eq!(brief, expected);

    let own = profile().view(ProfileStateView::Own);
    assert_eq!((own.gold, own.team, own.items.len()), (50, Some(4), 1));
    assert_eq!(own.trophies, [trophy("cup")]);
    let own_avatar = own.avatar.unwrap();
    assert_eq!(own_avatar.hat, Some(Hat::Won(trophy("crown"))));
    assert!(own.notes.is_empty() && own.prizes.is_empty() && own_avatar.colour.is_none());
}

#[test]
fn a_delta_has_what_changed_in_its_view_since_its_last_delta() {
    let mut profile = profile();
    assert_eq!(profile.delta(ProfileStateView::Brief).unwrap().fields, [2, 5, 7, 8], "all is new");
    assert_eq!(profile.delta(ProfileStateView::Brief), None);
    profile.set_gold(51);
    profile.set_notes("no longer");
    assert_eq!(profile.delta(ProfileStateView::Brief), None, "nothing of it is in the view");
    profile.set_name("Anna");
    profile.trophies_mut().clear();
    let delta = profile.delta(ProfileStateView::Brief).unwrap();
    assert_eq!(delta.fields, [2, 7]);
    let patch = ProfileState { player: "ann".into(), name: "Anna".into(), ..Default::default() };
    assert_eq!(delta.patch, patch);
    // What one view was told is still news for the other.
    let own = profile.delta(ProfileStateView::Own).unwrap();
    assert_eq!(own.fields, [2, 3, 5, 6, 7, 9, 10]);
    assert_eq!(profile.delta(ProfileStateView::Own), None);
}

/// Whatever became of the activation before: it was idle, moved, panicked or was killed.
#[test]
fn the_first_delta_of_an_activation_is_the_whole_view() {
    let mut before = profile();
    let mut copy = before.view(ProfileStateView::Own);
    before.delta(ProfileStateView::Own);
    before.set_gold(51);
    // Its delta is made, and lost; then the entity is loaded anew.
    before.delta(ProfileStateView::Own);
    let columns = |change: RowChange| match change.write {
        Write::Create(columns) | Write::Update(columns) => columns,
        Write::Delete | Write::Forget => Vec::new(),
    };
    let fields = before.begin_save().into_iter().flat_map(columns).collect();
    let key = Key::from("ann");
    let records = bytes::Bytes::new();
    let row = Row { token: None, version: 1, exists: true, fields, records };
    let mut after = <ProfileStateEntity as ActorState>::load(&key, vec![row]).unwrap();
    let delta = after.delta(ProfileStateView::Own).unwrap();
    assert_eq!(delta.fields, [2, 3, 5, 6, 7, 9, 10]);
    copy.apply_delta(&delta.fields, delta.patch);
    assert_eq!(copy, after.view(ProfileStateView::Own));
    assert_eq!(copy.gold, 51);
    assert_eq!(after.delta(ProfileStateView::Own), None);
}

/// Any changes in any order, deltas at any time, and the copies are what the views are.
#[test]
fn a_snapshot_and_its_deltas_are_the_state() {
    for seed in 1..=200 {
        let mut random = Random(seed);
        let mut profile = ProfileStateEntity::new("ann");
        for _ in 0..random.below(5) {
            change(&mut profile, &mut random);
        }
        let views = [ProfileStateView::Own, ProfileStateView::Brief];
        let mut copies = views.map(|view| profile.view(view));
        for step in 0..60 {
            change(&mut profile, &mut random);
            for (view, copy) in views.into_iter().zip(&mut copies) {
                if random.below(3) > 0 && step < 59 {
                    continue;
                }
                if let Some(delta) = profile.delta(view) {
                    assert!(!delta.fields.is_empty());
                    copy.apply_delta(&delta.fields, delta.patch);
                }
                assert_eq!(*copy, profile.view(view), "seed {seed}, step {step}, {view:?}");
            }
        }
    }
}

fn change(profile: &mut ProfileStateEntity, random: &mut Random) {
    let number = random.below(4);
    let name = ["", "a", "b", "c"][usize::try_from(number).unwrap()].to_owned();
    let count = u32::try_from(number).unwrap();
    match random.below(16) {
        0 => profile.set_name(name),
        1 => profile.set_gold(i64::from(count)),
        2 => profile.set_avatar(None),
        3 => profile.set_avatar(avatar()),
        4 => profile.avatar_mut().hat = None,
        5 => profile.avatar_mut().hat = Some(Hat::Name(name)),
        6 => profile.avatar_mut().hat = Some(Hat::Won(trophy(&name))),
        7 => drop(profile.items_mut().insert(name, count)),
        8 => drop(profile.items_mut().remove(&name)),
        9 => profile.trophies_mut().push(trophy(&name)),
        10 => drop(profile.trophies_mut().pop()),
        11 => drop(profile.prizes_mut().insert(name, trophy("x"))),
        12 => profile.set_team((count > 0).then_some(i32::try_from(count).unwrap() - 1)),
        13 => profile.friends_mut().push(name),
        14 => profile.set_friends(Vec::new()),
        _ => profile.delete(),
    }
}

#[test]
fn numbers_that_a_client_does_not_know_are_left() {
    let mut copy = profile().view(ProfileStateView::Brief);
    let before = copy.clone();
    let patch = ProfileState { name: "other".into(), ..ProfileState::default() };
    copy.apply_delta(&[1, 99], patch);
    assert_eq!(copy, before, "the key is none of them, either");
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
