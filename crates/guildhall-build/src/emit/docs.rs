//! Comments of protos as docs of the code.

/// A comment of the proto as a doc comment, or `otherwise` where there is none.
pub(super) fn docs(comment: &[String], otherwise: &str) -> String {
    let line = |text: &str| {
        let plain = text.replace('[', "\\[").replace(']', "\\]");
        format!("#[doc = {:?}]\n", format!(" {plain}"))
    };
    if comment.is_empty() {
        return format!("#[doc = {:?}]\n", format!(" {otherwise}"));
    }
    comment.iter().map(|text| line(text)).collect()
}
