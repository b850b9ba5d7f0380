//! One rule less: each finds what the rule is for.
