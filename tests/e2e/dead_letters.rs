//! `kubectl pipelines dlq`: dead letters listed, shown, sent again and deleted.

use api::ScheduledTaskPipeline;
use serde_json::{Value, json};

use crate::harness::{Lab, Printed, condition, eventually, specs};

impl Lab {
    fn dlq(&self, arguments: &[&str]) -> Printed {
        self.plugin(&[&["dlq"], arguments].concat())
    }

    async fn await_dead_letters(&self, queue: &str, count: u32) {
        eventually(&format!("{count} messages in {queue}"), async || match self.aws.messages(queue).await {
            messages if messages == count => Ok(()),
            messages => Err(format!("{messages} messages")),
        })
        .await;
    }
}

/// The words of a table's lines.
fn rows(table: &str) -> Vec<String> {
    table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[tokio::test]
async fn a_delivery_that_was_given_up_is_listed_shown_and_sent_again() {
    for policy in ["Allow", "Queue"] {
        let lab = Lab::new().await;
        lab.chat.answer("slack", "team", json!({"status": 404, "body": "no_service"})).await;
        let patch = json!({"queue": {"maxReceiveCount": 1}, "concurrencyPolicy": policy});
        lab.apply("homeless", specs::merged(specs::message(specs::AT_ONCE), patch)).await;
        lab.ready("homeless").await;
        let names = lab.names("homeless");
        let dlq = if policy == "Queue" { names.fifo().tasks_dlq } else { names.tasks_dlq };
        lab.await_dead_letters(&dlq, 1).await;

        let listed = lab.dlq(&["list", "homeless"]);
        assert_eq!((listed.status, &*listed.stderr), (0, ""), "{listed:#?}");
        let rows = rows(&listed.stdout);
        assert_eq!(rows[0], "ID QUEUE WHAT RUN AGE WHY");
        assert!(
            rows[1].contains(" tasks delivery hello to team ") && rows[1].ends_with("HTTP 404 Not Found: no_service")
        );
        let id = rows[1].split(' ').next().unwrap();
        let letters: Value = serde_json::from_str(&lab.dlq(&["list", "homeless", "-o", "json"]).stdout).unwrap();
        assert!(letters[0]["id"].as_str().unwrap().starts_with(id), "{letters}");
        assert_eq!(letters[0]["body"]["body"], json!({"text": "Hello"}));
        let shown = lab.dlq(&["show", "homeless", id]);
        for words in ["Queue: tasks\n", "What:  delivery hello to team\n", "Why:   HTTP 404", "\"text\": \"Hello\""] {
            assert!(shown.stdout.contains(words), "no {words:?} in {shown:#?}");
        }

        let redriven = lab.dlq(&["redrive", "homeless", id]);
        assert_eq!((redriven.status, &*redriven.stderr), (0, ""), "{redriven:#?}");
        assert_eq!(redriven.stdout, format!("{id} sent again: delivery hello to team\n"));
        let received = lab.chat.await_received("slack", "team", 2).await;
        assert_eq!((received[1].text(), received[1].status), ("Hello", 200));
        lab.await_dead_letters(&dlq, 0).await;
        let empty = lab.dlq(&["list", "homeless"]);
        assert_eq!((empty.status, &*empty.stdout, &*empty.stderr), (0, "", "no dead letters of homeless\n"));
    }
}

#[tokio::test]
async fn a_delivery_that_runs_out_of_tries_is_told_and_listed_with_the_last_answer() {
    let lab = Lab::new().await;
    // Four hours of waiting, as a minute.
    lab.strict.settings(json!({"hiddenSeconds": 1})).await;
    lab.chat.answer("slack", "team", json!({"status": 503, "body": "closed", "count": -1})).await;
    lab.apply("patient", specs::message(specs::AT_ONCE)).await;
    let told = |pipeline: &ScheduledTaskPipeline| {
        condition(pipeline, "Delivering").is_some_and(|condition| condition.status == "False")
    };
    let pipeline = lab.until("patient", "says that a result did not arrive", told).await;
    let delivering = condition(&pipeline, "Delivering").unwrap();
    let why = "25 attempts did not deliver it, the last: HTTP 503 Service Unavailable: closed";
    assert_eq!(delivering.reason, "DeliveryFailed");
    assert!(delivering.message.contains(why), "{delivering:?}");

    let names = lab.names("patient");
    assert_eq!((lab.aws.messages(&names.tasks).await, lab.aws.messages(&names.tasks_dlq).await), (0, 1));
    let listed = rows(&lab.dlq(&["list", "patient"]).stdout);
    assert!(listed[1].contains(" tasks delivery hello to team ") && listed[1].ends_with(why), "{listed:?}");
    let posts = lab.chat.received("slack", "team").await.len();
    assert!((10..=26).contains(&posts), "{posts} posts");
}

#[tokio::test]
async fn a_firing_that_did_not_reach_the_sender_is_given_to_it_again() {
    let lab = Lab::new().await;
    lab.apply("late", specs::message(specs::YEARLY)).await;
    lab.ready("late").await;
    let names = lab.names("late");
    let input = lab.aws.schedule(&names.schedule).await.target.unwrap().input.unwrap();
    let firing = input.replace("<aws.scheduler.scheduled-time>", "2026-01-01T09:00:00Z");
    let firing =
        firing.replace("<aws.scheduler.schedule-arn>", "arn:aws:scheduler:eu-central-1:111122223333:schedule/a/b");
    let record = json!({
        "version": "1.0", "requestContext": {"condition": "RetriesExhausted"},
        "requestPayload": serde_json::from_str::<Value>(&firing).unwrap(),
        "responsePayload": {"errorMessage": "the queue is gone"},
    });
    lab.aws.send(&names.undelivered_dlq, &record.to_string()).await;
    lab.aws.send(&names.undelivered_dlq, "nonsense").await;
    let listed = lab.dlq(&["list", "late"]);
    let firing = "undelivered firing of 2026-01-01T09:00:00Z";
    assert!(
        rows(&listed.stdout).iter().any(|row| row.contains(firing) && row.ends_with("the queue is gone")),
        "{listed:#?}"
    );

    let redriven = lab.dlq(&["redrive", "late", "--all"]);
    assert_eq!(redriven.status, 1, "{redriven:#?}");
    assert!(redriven.stdout.ends_with(" sent again: firing of 2026-01-01T09:00:00Z\n"), "{redriven:#?}");
    let stays = " was left in the queue: firing: the message contains no event for the sender\n";
    assert!(redriven.stderr.ends_with(stays), "{redriven:#?}");
    assert_eq!(lab.chat.await_received("slack", "team", 1).await[0].text(), "Hello");
    lab.await_dead_letters(&names.undelivered_dlq, 1).await;

    let asked = lab.dlq(&["purge", "late", "--all"]);
    assert_eq!((asked.status, &*asked.stderr), (1, "Permanently delete 1 dead letter of late? [y/N] "));
    lab.await_dead_letters(&names.undelivered_dlq, 1).await;
    let purged = lab.dlq(&["purge", "late", "--all", "--yes"]);
    assert!(purged.status == 0 && purged.stdout.ends_with(" deleted: firing\n"), "{purged:#?}");
    lab.await_dead_letters(&names.undelivered_dlq, 0).await;
}

#[tokio::test]
async fn what_cannot_be_done_with_dead_letters_is_said() {
    let lab = Lab::without_operator().await;
    lab.apply("new", specs::message(specs::YEARLY)).await;
    for (arguments, words) in [
        (&["list", "none"][..], format!("there is no pipeline `none` in namespace `{}`", lab.namespace)),
        (&["list", "new"], "the pipeline's status lists no `tasks-dlq`: it was never ready".to_owned()),
        (&["redrive", "new"], "--all".to_owned()),
    ] {
        let answer = lab.dlq(arguments);
        assert_eq!(answer.status, 2, "{answer:#?}");
        assert!(answer.stderr.contains(&words), "no {words:?} in {answer:#?}");
    }
}
