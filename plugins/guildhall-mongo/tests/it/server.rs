//! What the server is.

use guildhall_core::Env;
use guildhall_core::store::{Store as _, StoreErrorKind};
use guildhall_mongo::{MongoStore, Settings};
use servers::MONGO;

use crate::ground::{is_there, row};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_fence_is_refused_with_a_remedy() {
    if !is_there("server::a_server_that_does_not_fence_is_refused_with_a_remedy") {
        return;
    }
    let url = servers::shared(&MONGO).url().replace("unfenced=on", "deadline_ms=600000");
    let store = MongoStore::new(&Env::real(), Settings::parse(&url).await.unwrap()).unwrap();
    for _ in 0..2 {
        let error = store.read(&[row("1")]).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Invalid, "{error}");
        let text = error.to_string();
        assert!(text.contains("FerretDB") && text.contains("use MongoDB"), "{text}");
    }
}
