//! Generates the code of the protos beside it.

fn main() -> guildhall_build::Result {
    let protos = [
        "proto/hello.proto",
        "proto/counter.proto",
        "proto/bench.proto",
        "proto/room.proto",
        "proto/chat.proto",
        "proto/models.proto",
        "proto/traced.proto",
        "proto/routing.proto",
        "proto/alarm.proto",
        "proto/player.proto",
        "proto/guild.proto",
        "proto/profile.proto",
        "proto/ledger.proto",
        "proto/bank.proto",
        "proto/vault.proto",
        "proto/odd.proto",
        "proto/odd_services.proto",
    ];
    guildhall_build::compile(&protos, &["proto"])
}
