//! A push to clients, encoded at most once per encoding.

use std::cell::OnceCell;

use bytes::BytesMut;
use guildhall_wire::packet::{push_json, put_push};

use crate::clients::Client;
use crate::edge::Shared;
use crate::form::Form;
use crate::json;

pub(crate) struct Push<'a> {
    shared: &'a Shared,
    seq: u64,
    method: u32,
    body: &'a [u8],
    frame: OnceCell<Option<BytesMut>>,
    text: OnceCell<Option<String>>,
}

impl<'a> Push<'a> {
    /// `seq` 0: without a number.
    pub(crate) fn new(shared: &'a Shared, seq: u64, method: u32, body: &'a [u8]) -> Self {
        Self { shared, seq, method, body, frame: OnceCell::new(), text: OnceCell::new() }
    }

    /// Queues it for one client in the client's form.
    pub(crate) fn put(&self, client: &Client, out: &mut BytesMut) {
        let encoded = self.encoded(client.form);
        // One that can never fit is not the client's fault.
        match encoded.filter(|encoded| encoded.len() <= client.out.max()) {
            Some(encoded) => {
                client.form.put_encoded(out, encoded);
                self.shared.stats.pushes.add(1);
            }
            None => {
                self.dropped();
                if self.seq > 0 {
                    client.put_reset(out);
                }
            }
        }
    }

    /// Nobody gets it.
    pub(crate) fn dropped(&self) {
        self.shared.stats.dropped.add(1);
    }

    fn encoded(&self, form: Form) -> Option<&[u8]> {
        match form {
            Form::Stream | Form::Binary => self.frame.get_or_init(|| self.to_frame()).as_deref(),
            Form::Text => self.text.get_or_init(|| self.to_text()).as_deref().map(str::as_bytes),
        }
    }

    fn to_frame(&self) -> Option<BytesMut> {
        self.shared.stats.encodes.add(1);
        let mut frame = BytesMut::new();
        put_push(&mut frame, usize::MAX, self.seq, self.method, self.body).ok()?;
        Some(frame)
    }

    fn to_text(&self) -> Option<String> {
        self.shared.stats.encodes.add(1);
        let known = self.shared.methods.known();
        let Some(method) = known.pushes.get(&self.method) else {
            let id = format!("{:#010x}", self.method);
            tracing::warn!(
                method = id,
                "push dropped: its method is unknown, so it cannot be converted to JSON"
            );
            return None;
        };
        let body = json::from_protobuf(&method.message, self.body);
        let text = body.map_err(|status| status.to_string()).and_then(|body| {
            push_json(self.seq, &method.path, &body, usize::MAX).map_err(|e| e.to_string())
        });
        text.inspect_err(|error| {
            tracing::warn!(
                method = method.path,
                error,
                "push dropped: it cannot be converted to JSON"
            )
        })
        .ok()
    }
}
