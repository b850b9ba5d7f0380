//! What is read from cargo's tree.

use super::{CLIENTS, REFUSED, packages, refused};

const TREE: &str = "guildhall-core v0.1.0 (/src/guildhall-core)\nbytes v1.12.0\nserde v1.0.0\n\n\
                    guildhall v0.1.0 (/src/guildhall)\nbytes v1.12.0\nserde v1.0.0 (*)\n";

#[test]
fn a_package_counts_once_and_our_own_do_not() {
    assert_eq!(packages(TREE).into_iter().collect::<Vec<_>>(), ["bytes v1.12.0", "serde v1.0.0"]);
}

#[test]
fn a_refused_package_is_named() {
    assert_eq!(refused(&packages(TREE), REFUSED), None);
    let tree = format!("{TREE}openssl-sys v0.9.1\n");
    assert_eq!(refused(&packages(&tree), REFUSED).unwrap().0, "openssl-sys");
    let tree = format!("{TREE}openssl-sys-not v0.9.1\n");
    assert_eq!(refused(&packages(&tree), REFUSED), None);
}

#[test]
fn the_client_of_a_vendor_is_named() {
    let tree = format!("{TREE}tokio-postgres v0.7.1\n");
    assert_eq!(refused(&packages(&tree), REFUSED), None);
    assert_eq!(refused(&packages(&tree), CLIENTS).unwrap().0, "tokio-postgres");
}
