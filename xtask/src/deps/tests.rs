//! What is read from cargo's tree.

use super::{packages, refused};

const TREE: &str = "guildhall-core v0.1.0 (/src/guildhall-core)\nbytes v1.12.0\nserde v1.0.0\n\n\
                    guildhall v0.1.0 (/src/guildhall)\nbytes v1.12.0\nserde v1.0.0 (*)\n";

#[test]
fn a_package_counts_once_and_our_own_do_not() {
    assert_eq!(packages(TREE).into_iter().collect::<Vec<_>>(), ["bytes v1.12.0", "serde v1.0.0"]);
}

#[test]
fn a_refused_package_is_named() {
    assert_eq!(refused(&packages(TREE)), None);
    let tree = format!("{TREE}openssl-sys v0.9.1\n");
    assert_eq!(refused(&packages(&tree)).unwrap().0, "openssl-sys");
    let tree = format!("{TREE}openssl-sys-not v0.9.1\n");
    assert_eq!(refused(&packages(&tree)), None);
}
