//! Whether a test that needs a server can run here.

use guildhall_testkit::skipped;

use crate::{Recipe, go};

/// The variable that names servers, with commas between them, without which tests fail instead of being skipped.
const REQUIRE: &str = "GUILDHALL_REQUIRE";

/// Whether the test with this name can run; one that cannot is counted as skipped, or fails where `GUILDHALL_REQUIRE` names its server.
pub fn is_there(recipe: &Recipe, test: &str) -> bool {
    go::build(recipe);
    if recipe.is_installed() {
        return true;
    }
    let Recipe { name, package, .. } = recipe;
    let required = std::env::var(REQUIRE).unwrap_or_default();
    let is_required = required.split(',').any(|required| required == *name);
    assert!(!is_required, "{REQUIRE}={required}, and {name} is not installed here");
    skipped(test, &format!("{name} is not installed here (apt-get install {package})"));
    false
}
