use guildhall::{Actor, App, Cx, Status};
guildhall::include_proto!("{{package}}");

/// Calls run in parallel, in any app.
pub struct Hello;

impl Greeter for Hello {
    async fn hello(&self, cx: &Cx, guest: Guest) -> Result<HelloRsp, Status> {
        let visits = GuestsClient::new(cx).visit(guest.clone()).await?.visits;
        Ok(HelloRsp { text: format!("hello, {}: visit {visits}", guest.name) })
    }
}

/// Calls run one at a time per guest; the state is loaded before the first and saved after changes.
pub struct Book(GuestStateEntity);

impl Actor for Book {
    const NAME: &'static str = "guest";
    type Key = String;
    type State = GuestStateEntity;

    async fn activate(_cx: &Cx, _name: String, state: GuestStateEntity) -> Result<Self, Status> {
        Ok(Self(state))
    }
    fn state(&mut self) -> &mut GuestStateEntity {
        &mut self.0
    }
}

impl Guests for Book {
    async fn visit(&mut self, _cx: &Cx, _guest: Guest) -> Result<VisitRsp, Status> {
        *self.0.visits_mut() += 1;
        Ok(VisitRsp { visits: self.0.visits })
    }
}

pub fn serve(app: App) -> App {
    app.serve(GreeterServer::new(Hello)).actor::<Book, _>(|actor| actor.serve(GuestsServer))
}
