//! libzmq, by Python's binding to it, as the other side.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::Env;
use guildhall_core::broker::Broker as _;

use crate::ground::{PATIENCE, comes, open, pop, port};

const TOPICS: &str = r"
import sys, zmq
context = zmq.Context()
hears, says = context.socket(zmq.SUB), context.socket(zmq.PUB)
hears.setsockopt(zmq.SUBSCRIBE, b'ping.')
says.bind('tcp://127.0.0.1:' + sys.argv[2])
hears.connect('tcp://127.0.0.1:' + sys.argv[1])
while True:
    topic, number, text = hears.recv_multipart()
    says.send_multipart([b'pong.1', text])
";

const ITEMS: &str = r"
import sys, zmq
push = zmq.Context().socket(zmq.PUSH)
push.connect('tcp://127.0.0.1:' + sys.argv[1])
push.send_multipart([b'mail', b'from afar'])
push.send_multipart([b'one frame'])
push.send_multipart([b'\xff', b'no name'])
push.send_multipart([b'mail', b'x' * (1 << 20 | 1)])
push.send_multipart([b'mail', b'the last'])
push.close(60000)
zmq.Context.instance().term()
";

/// Ends with the test.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Runs it, where Python has the binding.
fn python(test: &str, script: &str, ports: &[u32]) -> Option<Peer> {
    let python = std::env::var("GUILDHALL_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import zmq"]).stderr(Stdio::null()).status();
    if !has.is_ok_and(|status| status.success()) {
        guildhall_testkit::skipped(test, "python3 has no pyzmq (python3 -m pip install pyzmq)");
        return None;
    }
    let ports = ports.iter().map(ToString::to_string);
    Some(Peer(Command::new(&python).args(["-c", script]).args(ports).spawn().unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn libzmq_receives_our_topics_and_we_receive_its() {
    let (own, its) = (port(), port());
    let name = "foreign::libzmq_receives_our_topics_and_we_receive_its";
    let Some(_peer) = python(name, TOPICS, &[own, its]) else { return };
    let (broker, _queue) = open(own, &format!("peers=127.0.0.1:{its}")).await;
    let mut pong = broker.subscribe("pong.1", 4096).await.unwrap();
    // It answers what it hears.
    let env = Env::real();
    let end = env.now() + PATIENCE;
    while env.until(env.now() + Duration::from_millis(200), pong.next()).await.is_none() {
        assert!(env.now() < end, "libzmq does not answer");
        broker.publish("ping.1", Bytes::from_static(b"early")).await.unwrap();
    }
    while env.until(env.now() + Duration::from_secs(1), pong.next()).await.is_some() {}
    for text in ["1", "2", "3"] {
        broker.publish("ping.1", Bytes::from_static(text.as_bytes())).await.unwrap();
    }
    for text in ["1", "2", "3"] {
        comes(&mut pong, text).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn libzmq_pushes_items_and_what_is_none_is_dropped() {
    let own = port();
    let name = "foreign::libzmq_pushes_items_and_what_is_none_is_dropped";
    let Some(_peer) = python(name, ITEMS, &[own + 1]) else { return };
    let (_broker, queue) = open(own, "").await;
    assert_eq!(pop(&queue).await, "from afar");
    assert_eq!(pop(&queue).await, "the last");
}
