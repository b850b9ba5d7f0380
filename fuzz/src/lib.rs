//! What each fuzz target does with one input. A library, so that what was kept of earlier runs is a test without a fuzzer.

pub mod client_packet_binary;
pub mod client_packet_json;
pub mod column;
pub mod handshake;
pub mod json_body;
pub mod keys;
pub mod link_frame;
pub mod texts;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Feeds all that is kept for a target to it; how many there are.
    fn feed(target: &str, run: fn(&[u8])) -> usize {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
        let seeds = fs::read_dir(&folder).expect("each target has a folder of seeds");
        let seeds = seeds.map(|seed| fs::read(seed.expect("it is listed").path()));
        seeds.map(|seed| run(&seed.expect("it is a file"))).count()
    }

    #[test]
    fn whatever_was_kept_of_earlier_runs_is_taken_by_its_target() {
        let targets: [(&str, fn(&[u8])); 8] = [
            ("client_packet_binary", super::client_packet_binary::run),
            ("client_packet_json", super::client_packet_json::run),
            ("column", super::column::run),
            ("handshake", super::handshake::run),
            ("json_body", super::json_body::run),
            ("keys", super::keys::run),
            ("link_frame", super::link_frame::run),
            ("texts", super::texts::run),
        ];
        for (target, run) in targets {
            let fed = feed(target, run);
            println!("{target}: {fed} seeds");
            assert!(fed > 0, "{target} has no seeds");
        }
        let folders = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz_targets")).expect("it is there");
        assert_eq!(folders.count(), targets.len(), "each target is fed");
    }
}
