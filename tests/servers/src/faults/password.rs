//! A password that the server refuses.

use super::ask::ask;
use super::ground::{Vendor, answer};
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
            ask(&backend).await.expect_err("a request with a wrong password succeeded").to_string()
        }
    };
    let lower = said.to_lowercase();
    let says = ["password", "auth", "access", "credential", "denied"];
    assert!(says.iter().any(|word| lower.contains(word)) && !lower.contains("hush"), "{said}");
}
