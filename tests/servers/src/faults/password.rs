//! A password that the server refuses.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::Backend;

use super::ground::{Vendor, answer, holder};
use super::store::a_row;
use crate::{PASSWORD, shared};

/// The first request fails, and says so without the password.
pub async fn a_wrong_password_is_an_error_without_it(vendor: Vendor) {
    let place = vendor.place();
    let url = place.url(&shared(vendor.recipe).address());
    let wrong = url.replace(PASSWORD, "hush-hush");
    assert_ne!(url, wrong, "the URL of this vendor has a password");
    let said = match answer(place.open_url(&wrong)).await {
        Err(error) => error.to_string(),
        Ok(backend) => {
            let said = match backend {
                Backend { store: Some(store), .. } => said(store.read(&[a_row()])).await,
                Backend { leases: Some(leases), .. } => {
                    said(leases.open(&holder(1), None, Duration::from_secs(60))).await
                }
                Backend { queue: Some(queue), .. } => said(queue.push("mail", Bytes::new())).await,
                other => said(other.broker.expect("a seam").subscribe("room", 1)).await,
            };
            said.expect("a request with a wrong password succeeded")
        }
    };
    let lower = said.to_lowercase();
    let says = ["password", "auth", "access", "credential", "denied"];
    assert!(says.iter().any(|word| lower.contains(word)) && !lower.contains("hush"), "{said}");
}

/// The error of a request.
async fn said<T, E: std::fmt::Display>(
    request: impl Future<Output = Result<T, E>>,
) -> Option<String> {
    answer(request).await.err().map(|error| error.to_string())
}
