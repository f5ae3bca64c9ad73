//! A gate between an operator and all that it talks to.
//!
//! Each call to the API server and to AWS goes through it, writes one at a time. It keeps a journal of what was written,
//! stops the operator's world after any write, loses answers, and lets the API server misbehave.

mod aws;
mod http;
mod journal;
mod kubernetes;

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use serde_json::json;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, watch};

use self::http::{Answer, Connection, Request};
pub(crate) use self::journal::Write;
pub(crate) use self::kubernetes::{Behaviour, Lists, Reads};
use super::environment::Environment;

/// A gate, for one operator at a time.
#[derive(Debug)]
pub(crate) struct Gate {
    core: Arc<Core>,
    behaviour: watch::Sender<Behaviour>,
    reads: watch::Sender<Reads>,
    pub(super) kubeconfig: PathBuf,
    pub(super) aws: String,
}

/// What both sides share.
#[derive(Debug)]
struct Core {
    ledger: watch::Sender<Ledger>,
    /// Who has it may write.
    turn: Mutex<()>,
}

/// What was written, and what is to happen at which write.
#[derive(Debug, Default)]
struct Ledger {
    journal: Vec<Write>,
    hold_after: Option<usize>,
    lose: BTreeSet<usize>,
    /// Beginning of the write that waits before it is carried out.
    pause_before: Option<String>,
    /// Whether it does.
    paused: bool,
}

impl Ledger {
    fn holds(&self) -> bool {
        self.hold_after.is_some_and(|count| self.journal.len() >= count)
    }
}

/// The connection was closed without an answer.
struct Closed;

/// Gates run beside the tests, which may block.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());

impl Gate {
    pub(super) async fn new(environment: &Environment, name: &str) -> Self {
        let core = Arc::new(Core { ledger: watch::Sender::default(), turn: Mutex::default() });
        let behaviour = watch::Sender::new(Behaviour::default());
        let reads = watch::Sender::default();
        // A client works on the runtime that it was made on.
        let api_server = RUNTIME.spawn(super::client(environment.kubeconfig.clone())).await.unwrap();
        let kubernetes = kubernetes::Side::new(Arc::clone(&core), api_server, behaviour.subscribe(), reads.clone());
        let aws = aws::Side::new(Arc::clone(&core), environment.aws.clone());
        let kubernetes = serve(move |connection, request| {
            let side = kubernetes.clone();
            async move { side.pass(connection, request).await }
        });
        let aws = serve(move |connection, request| {
            let side = aws.clone();
            async move { side.pass(connection, request).await }
        });
        let kubeconfig = written_kubeconfig(name, kubernetes.await);
        Self { core, behaviour, reads, kubeconfig, aws: format!("http://{}", aws.await) }
    }

    /// All that was ever written.
    pub(crate) fn journal(&self) -> Vec<Write> {
        self.core.ledger.borrow().journal.clone()
    }

    /// The number of writes so far.
    pub(crate) fn writes(&self) -> usize {
        self.core.ledger.borrow().journal.len()
    }

    /// Stops the operator's world after so many more writes: the last is carried out and not answered, and nothing after
    /// it is carried out.
    pub(crate) fn hold_after(&self, more: usize) {
        self.core.ledger.send_modify(|ledger| ledger.hold_after = Some(ledger.journal.len() + more));
    }

    /// Waits until it has stopped.
    pub(crate) async fn held(&self) {
        self.core.ledger.subscribe().wait_for(Ledger::holds).await.unwrap();
    }

    /// Lets the world go on. What was held is closed.
    pub(crate) fn release(&self) {
        self.core.ledger.send_modify(|ledger| {
            ledger.hold_after = None;
            ledger.lose.clear();
        });
    }

    /// Closes the connection of one of the writes to come, counted from 1, in place of an answer.
    pub(crate) fn lose_answer(&self, number: usize) {
        self.core.ledger.send_modify(|ledger| {
            ledger.lose.insert(ledger.journal.len() + number);
        });
    }

    /// Lets the next write that begins so wait before it is carried out.
    pub(crate) fn pause_before(&self, write: &str) {
        self.core.ledger.send_modify(|ledger| ledger.pause_before = Some(write.to_owned()));
    }

    /// Waits until it does.
    pub(crate) async fn paused(&self) {
        self.core.ledger.subscribe().wait_for(|ledger| ledger.paused).await.unwrap();
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        self.core.ledger.send_modify(|ledger| ledger.paused = false);
    }

    /// Changes how the API server behaves.
    pub(crate) fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        self.behaviour.send_modify(change);
    }

    /// What the operator asked about pipelines so far.
    pub(crate) fn reads(&self) -> Reads {
        self.reads.borrow().clone()
    }
}

impl Core {
    /// Passes a call on, and its answer back.
    async fn pass(&self, write: Option<Write>, send: impl Future<Output = Option<Answer>>) -> Result<Answer, Closed> {
        let turn = if write.is_some() { Some(self.turn.lock().await) } else { None };
        self.closed_if_held().await?;
        if let Some(write) = &write {
            self.pause(&write.to_string()).await;
        }
        let answer = send.await.ok_or(Closed)?;
        if let Some(write) = write.filter(|_| answer.succeeded()) {
            let write = write.answered(&answer.body);
            let mut lost = false;
            self.ledger.send_modify(|ledger| {
                ledger.journal.push(write);
                lost = ledger.lose.contains(&ledger.journal.len());
            });
            if lost {
                return Err(Closed);
            }
        }
        drop(turn);
        self.closed_if_held().await?;
        Ok(answer)
    }

    async fn pause(&self, write: &str) {
        let mut ledger = self.ledger.subscribe();
        let pauses = self.ledger.send_if_modified(|ledger| {
            ledger.paused = ledger.pause_before.take_if(|front| write.starts_with(front.as_str())).is_some();
            ledger.paused
        });
        if pauses {
            // A gate that is gone holds nobody.
            let _ = ledger.wait_for(|ledger| !ledger.paused).await;
        }
    }

    /// Where the world has stopped, waits until it goes on, without this call.
    async fn closed_if_held(&self) -> Result<(), Closed> {
        let mut ledger = self.ledger.subscribe();
        if !ledger.borrow_and_update().holds() {
            return Ok(());
        }
        // A gate that is gone holds nobody.
        let _ = ledger.wait_for(|ledger| !ledger.holds()).await;
        Err(Closed)
    }
}

/// Serves requests on a port of its own.
async fn serve<F>(pass: impl Fn(Connection, Request) -> F + Send + Sync + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let (bound, address) = tokio::sync::oneshot::channel();
    RUNTIME.spawn(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        bound.send(listener.local_addr().unwrap()).unwrap();
        let pass = Arc::new(pass);
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let pass = Arc::clone(&pass);
            tokio::spawn(async move {
                let mut connection = BufReader::new(stream);
                // A client may leave before it has said what it wants.
                if let Ok(request) = Request::read(&mut connection).await {
                    pass(connection, request).await;
                }
            });
        }
    });
    address.await.unwrap()
}

fn written_kubeconfig(name: &str, address: SocketAddr) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gates");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{name}.json"));
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "gate",
        "clusters": [{"name": "gate", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "operator", "user": {}}],
        "contexts": [{"name": "gate", "context": {"cluster": "gate", "user": "operator"}}],
    });
    fs::write(&path, config.to_string()).unwrap();
    path
}
