//! The stand-in as a provider: time and deltas.

use std::time::Duration;

use domain::model::{Delta, ErrorClass, Request};
use domain::ports::ModelProvider;
use futures::FutureExt;
use providers::{Simulated, SimulatedConfig, brain};
use tokio::time::Instant;

use crate::support::{ignore, request};

fn simulated(latency_ms: u64) -> Simulated {
    Simulated::new(SimulatedConfig { latency_ms })
}

#[tokio::test]
async fn call_takes_its_time_and_streams_the_answer() {
    let request = request("Do it.");
    let started = Instant::now();
    let mut streamed = String::new();
    let mut pieces = 0;
    let answer = simulated(100)
        .call(&request, &mut |delta| {
            if let Delta::Text(text) = delta {
                streamed.push_str(&text);
                pieces += 1;
            }
        })
        .await
        .unwrap();
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(50), "{took:?}");
    assert_eq!(streamed, answer.text());
    assert!(pieces > 3);
    assert_eq!(answer, brain(&request).unwrap());
}

#[tokio::test]
async fn no_latency_is_no_time_at_all() {
    let at_once = request("Do it.");
    let mut deltas = ignore;
    // Ready at the first look: no timer was set.
    let answer = simulated(0).call(&at_once, &mut deltas).now_or_never();
    assert!(answer.unwrap().is_ok());
    let started = Instant::now();
    simulated(0).call(&request("Do it. simulate: slow=40"), &mut ignore).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(40));
}

#[tokio::test]
async fn call_longer_than_allowed_times_out() {
    let hurried = Request { timeout_ms: 100, ..request("Do it. simulate: slow=99999999999999999999") };
    assert!(simulated(0).call(&hurried, &mut ignore).await.is_ok(), "no number, no delay");
    let hurried = Request { timeout_ms: 100, ..request("Do it. simulate: slow=5000") };
    let error = simulated(0).call(&hurried, &mut ignore).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::TimedOut);
}
