//! Method ids: the number of a method in a frame's header, computed from its path.

/// Computes the id of a method from its path, `/package.Service/Method`: FNV-1a with 32 bits.
///
/// Two methods of one program with the same id are refused at build and at start, so an id names one method.
///
/// ```
/// const SAY: u32 = guildhall_wire::method_id("/hello.Greeter/Say");
/// assert_eq!(SAY, 0x0e07_73b2);
/// ```
pub const fn method_id(path: &str) -> u32 {
    fnv1a(0x811c_9dc5, path.as_bytes())
}

/// The id of a path written as in JSON packets, without the leading slash.
pub(crate) const fn method_id_of_short(path: &str) -> u32 {
    fnv1a(method_id("/"), path.as_bytes())
}

const fn fnv1a(mut hash: u32, bytes: &[u8]) -> u32 {
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        hash = (hash ^ *byte as u32).wrapping_mul(0x0100_0193);
        rest = tail;
    }
    hash
}
