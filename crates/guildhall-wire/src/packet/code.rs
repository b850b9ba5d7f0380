//! Names of status codes and effects, as JSON packets spell them.

const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

const EFFECTS: [&str; 3] = ["NotRun", "MayHaveRun", "Ran"];

/// Names a status code as gRPC does; `UNKNOWN` for a number that gRPC does not have.
pub fn code_name(code: u8) -> &'static str {
    CODES.get(usize::from(code)).unwrap_or(&"UNKNOWN")
}

/// Reads [`code_name`].
pub fn code_from_name(name: &str) -> Option<u8> {
    position(&CODES, name)
}

/// Names an effect; `MayHaveRun`, the careful answer, for a number that is none.
pub fn effect_name(effect: u8) -> &'static str {
    EFFECTS.get(usize::from(effect)).unwrap_or(&"MayHaveRun")
}

/// Reads [`effect_name`].
pub fn effect_from_name(name: &str) -> Option<u8> {
    position(&EFFECTS, name)
}

fn position(names: &[&str], name: &str) -> Option<u8> {
    names.iter().zip(0..).find(|(known, _)| **known == name).map(|(_, number)| number)
}
