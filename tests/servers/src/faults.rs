//! [`faults!`]: what every seam of every vendor must survive.

mod ground;
pub mod store;
pub mod leases;
pub mod discovery;
pub mod broker;
pub mod queue;
mod ask;
pub mod password;
pub mod names;
pub mod full;

pub use ground::Vendor;

/// Makes the tests of a vendor's faults: for each seam that is named, for `names`, for `full` of a store, and for `password` where its servers have one.
///
/// The arguments are the recipe, the plugin, and a function that makes the options of a URL for the `n`-th place that nothing else uses,
/// with a deadline of about two seconds for each request: `|n| format!("schema=f{n}&deadline_ms=2000")`.
///
/// | of each seam | what must hold |
/// |---|---|
/// | `…_outlives_its_server` | The server is not there at the start, is killed and started again, stands still for ten seconds: errors within the deadline, nothing is lost that was acknowledged, and no restart of the app is needed |
/// | `…_survives_cut_answers` | Connections end in the middle of an answer: an error says whether it may have happened, and the same request again is right |
/// | `…_works_slowly` | 200 ms each way: all requests succeed |
/// | `full` | The disk of its server is full: a write fails and says why, nothing is lost that was acknowledged, and all works again when there is room |
/// | `names` | The name in the URL leads to another address from now on, and the one before is silent: all works again without a restart |
#[macro_export]
macro_rules! faults {
    ($recipe:expr, $plugin:expr, $options:expr, $($seam:ident)*) => {
        $($crate::faults! { @seam $seam $recipe, $plugin, $options })*
    };
    (@seam password $recipe:expr, $plugin:expr, $options:expr) => {
        $crate::faults! { @tests password $recipe, $plugin, $options, a_wrong_password_is_an_error_without_it }
    };
    (@seam names $recipe:expr, $plugin:expr, $options:expr) => {
        #[::tokio::test(flavor = "multi_thread")]
        async fn a_name_is_looked_up_at_every_connection() {
            let test = concat!(module_path!(), "::a_name_is_looked_up_at_every_connection");
            if $crate::is_there($recipe, test) {
                let options: fn(u32) -> String = $options;
                let vendor = $crate::Vendor { recipe: $recipe, plugin: &$plugin, options };
                $crate::names::a_name_is_looked_up_at_every_connection(vendor, test).await;
            }
        }
    };
    (@seam full $recipe:expr, $plugin:expr, $options:expr) => {
        #[::tokio::test(flavor = "multi_thread")]
        async fn a_full_disk_costs_nothing_that_was_acknowledged() {
            let test = concat!(module_path!(), "::a_full_disk_costs_nothing_that_was_acknowledged");
            if $crate::is_there($recipe, test) {
                let options: fn(u32) -> String = $options;
                let vendor = $crate::Vendor { recipe: $recipe, plugin: &$plugin, options };
                $crate::full::a_full_disk_costs_nothing_that_was_acknowledged(vendor, test).await;
            }
        }
    };
    (@seam store $recipe:expr, $plugin:expr, $options:expr) => {
        $crate::faults! { @tests store $recipe, $plugin, $options,
            a_store_outlives_its_server a_store_survives_cut_answers a_store_works_slowly }
    };
    (@seam leases $recipe:expr, $plugin:expr, $options:expr) => {
        $crate::faults! { @tests leases $recipe, $plugin, $options,
            leases_outlive_their_server leases_are_given_up_before_others_have_them leases_survive_cut_answers leases_work_slowly }
    };
    (@seam discovery $recipe:expr, $plugin:expr, $options:expr) => {
        $crate::faults! { @tests discovery $recipe, $plugin, $options,
            a_discovery_outlives_its_server a_watch_misses_nothing_over_a_cut a_discovery_works_slowly }
    };
    (@seam broker $recipe:expr, $plugin:expr, $options:expr) => {
        $crate::faults! { @tests broker $recipe, $plugin, $options,
            a_broker_outlives_its_server a_broker_survives_cut_connections a_broker_works_slowly }
    };
    (@seam queue $recipe:expr, $plugin:expr, $options:expr) => {
        $crate::faults! { @tests queue $recipe, $plugin, $options,
            a_queue_outlives_its_server a_queue_survives_cut_answers a_queue_works_slowly }
    };
    (@tests $seam:ident $recipe:expr, $plugin:expr, $options:expr, $($fault:ident)*) => {
        $(#[::tokio::test(flavor = "multi_thread")]
        async fn $fault() {
            if $crate::is_there($recipe, concat!(module_path!(), "::", stringify!($fault))) {
                let options: fn(u32) -> String = $options;
                let vendor = $crate::Vendor { recipe: $recipe, plugin: &$plugin, options };
                $crate::$seam::$fault(vendor).await;
            }
        })*
    };
}
