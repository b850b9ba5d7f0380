//! Views and deltas: pushes keep a client's copy of its profile up to date; other players see a smaller view.
//!
//! ```text
//! cargo run -p guildhall --example views
//! ```
//!
//! Output:
//!
//!     ann sees 0 gold and items {}
//!     changed fields 3, 6: ann sees 10 gold and items {"sword": 1}
//!     changed fields 3, 5, 6, 7: ann sees 20 gold and items {"crown": 1, "sword": 1}
//!     the copy is what a new snapshot has: true
//!     others see of ann: 0 gold, items {}, trophy crown worth 0

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use guildhall::gate::{Authenticate, Gate, Identity, SessionActor, SessionServer};
use guildhall::{Actor, ActorCx, App, Config, Env, Status};
use guildhall_client::{Client, Event, Options};
use proto::profile::{
    FindReq, OpenReq, OpenRsp, Profile, ProfileClient, ProfileDelta, ProfileEvents, ProfileServer,
    ProfileState, ProfileStateEntity, ProfileStateView, ShowReq, ShowRsp, Trophy,
};

struct Owner {
    state: ProfileStateEntity,
}

impl Actor for Owner {
    const NAME: &'static str = "profile";
    type Key = String;
    type State = ProfileStateEntity;

    async fn activate(
        _cx: &ActorCx,
        _id: String,
        state: ProfileStateEntity,
    ) -> Result<Self, Status> {
        Ok(Self { state })
    }

    fn state(&mut self) -> &mut ProfileStateEntity {
        &mut self.state
    }
}

// ANCHOR: views
impl Profile for Owner {
    async fn open(&mut self, _cx: &ActorCx, req: OpenReq) -> Result<OpenRsp, Status> {
        if !self.state.exists() {
            self.state.set_name(req.name);
        }
        // The snapshot contains all earlier changes.
        self.state.delta(ProfileStateView::Own);
        Ok(OpenRsp { profile: Some(self.state.view(ProfileStateView::Own)) })
    }

    async fn find(&mut self, cx: &ActorCx, req: FindReq) -> Result<(), Status> {
        *self.state.gold_mut() += 10;
        if req.item == "crown" {
            self.state.avatar_mut().unlocked += 1;
            self.state.trophies_mut().push(Trophy { name: req.item.clone(), worth: 1000 });
        }
        *self.state.items_mut().entry(req.item).or_default() += 1;
        if let Some(delta) = self.state.delta(ProfileStateView::Own) {
            let changed = ProfileDelta { fields: delta.fields, patch: Some(delta.patch) };
            ProfileEvents::to(cx, self.state.player.as_str()).changed(changed).await?;
        }
        Ok(())
    }

    async fn show(&mut self, _cx: &ActorCx, _req: ShowReq) -> Result<ShowRsp, Status> {
        Ok(ShowRsp { profile: Some(self.state.view(ProfileStateView::Brief)) })
    }
}
// ANCHOR_END: views

/// Accepts every token, for this example only.
struct Everybody;

impl Authenticate for Everybody {
    fn authenticate(&self, token: &str, _wall: Duration) -> Result<Identity, Status> {
        Ok(Identity { account: token.to_owned(), ..Identity::default() })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gate = Gate::new().authenticate(Everybody);
    let config = Config::builder().set("gate.tcp", "127.0.0.1:0").build()?;
    let app = App::with(config).component(gate.clone());
    let app = app.actor::<SessionActor>(SessionServer);
    let app = app.actor::<Owner>(ProfileServer).start().await?;

    let address = format!("tcp://{}", gate.tcp_addr().ok_or("it listens")?);
    let env = Env::real();
    let (ann, mut heard) = Client::connect(&env, &address, "ann", Options::default()).await?;
    let open = || OpenReq { name: "Ann".into(), ..OpenReq::default() };
    let opened = ann.call(ProfileClient::OPEN, open()).await?;
    let mut copy = opened.profile.unwrap_or_default();
    println!("{}", sees(&copy));
    for item in ["sword", "crown"] {
        ann.call(ProfileClient::FIND, FindReq { item: item.into(), ..FindReq::default() }).await?;
        while let Some(event) = heard.next().await {
            if let Event::Push(push) = event
                && let Some(changed) = push.decode(ProfileEvents::CHANGED)?
            {
                copy.apply_delta(&changed.fields, changed.patch.unwrap_or_default());
                let fields: Vec<_> = changed.fields.iter().map(u32::to_string).collect();
                println!("changed fields {}: {}", fields.join(", "), sees(&copy));
                break;
            }
        }
    }
    let again = ann.call(ProfileClient::OPEN, open()).await?.profile.unwrap_or_default();
    println!("the copy is what a new snapshot has: {}", copy == again);

    let (bob, _) = Client::connect(&env, &address, "bob", Options::default()).await?;
    let shown = bob.call(ProfileClient::SHOW, ShowReq { player: "ann".into() }).await?;
    let ProfileState { gold, items, trophies, .. } = shown.profile.unwrap_or_default();
    for Trophy { name, worth } in trophies {
        println!("others see of ann: {gold} gold, items {items:?}, trophy {name} worth {worth}");
    }
    app.shutdown().await;
    Ok(())
}

fn sees(copy: &ProfileState) -> String {
    format!("ann sees {} gold and items {:?}", copy.gold, copy.items)
}
