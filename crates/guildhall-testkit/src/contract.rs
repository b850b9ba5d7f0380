//! The tests of a contract's rules, one each.

/// Makes a test of each rule of a contract: what the macros of the seams have in common.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    ($seam:ident $make:tt $tokio:tt $($rule:ident)*) => {
        $($crate::contract_tests! { @rule $seam $rule $make $tokio })*
    };
    (@rule $seam:ident $rule:ident ($make:expr, $runs:expr) ($($tokio:tt)*)) => {
        #[::tokio::test($($tokio)*)]
        async fn $rule() {
            if ($runs)(concat!(module_path!(), "::", stringify!($rule))) {
                $crate::$seam::$rule(($make)()).await;
            }
        }
    };
}
