//! Users, sessions, keys and idempotent requests.

use std::sync::Arc;

use domain::id::{KeyId, UserId};
use domain::time::Timestamp;
use store::{Idempotent, NewApiKey, NewRefreshToken, NewUser, Recorded, Role, Rotation, UserError};
use testkit::FakeClock;
use testkit::conformance::{Backend, open_policy};

use crate::Sqlite;

async fn backend() -> Sqlite {
    Sqlite::open(open_policy(), Arc::new(FakeClock::new())).await
}

fn user(id: &str, email: &str) -> NewUser {
    NewUser {
        id: UserId::new(id),
        email: email.to_owned(),
        display_name: "Some One".to_owned(),
        password_hash: Some("hash".to_owned()),
        role: Role::User,
    }
}

const NOW: Timestamp = Timestamp(1_000_000);

#[tokio::test]
async fn the_first_user_is_the_admin_and_the_last_admin_stays() {
    let backend = backend().await;
    let store = backend.raw();
    let (first, second) = tokio::join!(
        store.insert_user(user("usr_1", "A@example.org"), NOW),
        store.insert_user(user("usr_2", "b@example.org"), NOW)
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.role, second.role), (Role::Admin, Role::User));
    let taken = store.insert_user(user("usr_3", "a@EXAMPLE.org"), NOW).await;
    assert!(matches!(taken, Err(UserError::EmailTaken)));
    assert_eq!(store.find_user_by_email("a@example.ORG").await.unwrap(), Some(first.clone()));
    let last = store.update_user(&first.id, Some(Role::User), None, NOW).await;
    assert!(matches!(last, Err(UserError::LastAdmin)));
    assert!(matches!(store.update_user(&first.id, None, Some(false), NOW).await, Err(UserError::LastAdmin)));
    store.update_user(&second.id, Some(Role::Admin), None, NOW).await.unwrap();
    let left = store.update_user(&first.id, None, Some(false), NOW).await.unwrap();
    assert!(!left.is_active);
    assert!(matches!(
        store.update_user(&UserId::new("usr_9"), None, None, NOW).await,
        Err(UserError::NotFound)
    ));
    assert!(store.set_password_hash(&second.id, "new".to_owned(), NOW).await.unwrap());
    store.touch_last_login(&second.id, NOW).await.unwrap();
    let second = store.find_user(&second.id).await.unwrap().unwrap();
    assert_eq!((second.password_hash.as_deref(), second.last_login_at), (Some("new"), Some(NOW)));
    assert_eq!((store.list_users(10, 0).await.unwrap().len(), store.count_users().await.unwrap()), (2, 2));
}

#[tokio::test]
async fn a_refresh_token_that_is_used_twice_ends_its_family() {
    let backend = backend().await;
    let store = backend.raw();
    store.insert_user(user("usr_1", "a@example.org"), NOW).await.unwrap();
    let token = |hash: &str, family: &str| NewRefreshToken {
        hash: hash.to_owned(),
        family: family.to_owned(),
        user: UserId::new("usr_1"),
        label: Some("Firefox".to_owned()),
        expires_at: NOW.plus_ms(100_000),
    };
    store.insert_refresh_token(token("h1", "f1"), NOW).await.unwrap();
    store.insert_refresh_token(token("g1", "f2"), NOW).await.unwrap();
    let rotate = |hash: &'static str, next: &'static str, after_ms: u64| {
        store.rotate_refresh_token(hash, next.to_owned(), NOW.plus_ms(200_000), 20_000, NOW.plus_ms(after_ms))
    };
    assert!(matches!(rotate("h1", "h2", 10).await.unwrap(), Rotation::Rotated { .. }));
    assert!(matches!(rotate("h1", "h2b", 5_000).await.unwrap(), Rotation::ReusedWithinGrace { .. }));
    assert_eq!(store.list_sessions(&UserId::new("usr_1"), NOW).await.unwrap().len(), 2);
    assert!(matches!(rotate("h1", "h3", 50_000).await.unwrap(), Rotation::Reused { .. }));
    assert_eq!(rotate("h2", "h4", 50_001).await.unwrap(), Rotation::Unknown, "the family is revoked");
    assert_eq!(rotate("none", "h5", 0).await.unwrap(), Rotation::Unknown);
    assert_eq!(rotate("g1", "g2", 100_001).await.unwrap(), Rotation::Unknown, "expired");
    let sessions = store.list_sessions(&UserId::new("usr_1"), NOW).await.unwrap();
    assert_eq!(sessions.iter().map(|session| &*session.family).collect::<Vec<_>>(), ["f2"]);
    assert!(store.revoke_session(&UserId::new("usr_1"), "f2", NOW).await.unwrap());
    assert!(!store.revoke_session(&UserId::new("usr_1"), "f2", NOW).await.unwrap());
    store.insert_refresh_token(token("k1", "f3"), NOW).await.unwrap();
    assert!(store.revoke_by_token("k1", NOW).await.unwrap());
    store.insert_refresh_token(token("l1", "f4"), NOW).await.unwrap();
    assert_eq!(store.revoke_all_sessions(&UserId::new("usr_1"), NOW).await.unwrap(), 1);
}

#[tokio::test]
async fn keys_are_found_by_hash_and_revoked_by_their_owner_only() {
    let backend = backend().await;
    let store = backend.raw();
    store.insert_user(user("usr_1", "a@example.org"), NOW).await.unwrap();
    let key = NewApiKey {
        id: KeyId::new("key_1"),
        user: UserId::new("usr_1"),
        name: "ci".to_owned(),
        hash: "hash".to_owned(),
        prefix: "orch_ab".to_owned(),
        scopes: vec!["read".to_owned()],
        expires_at: Some(NOW.plus_ms(10)),
    };
    store.insert_api_key(key.clone(), NOW).await.unwrap();
    assert!(store.insert_api_key(key, NOW).await.is_err(), "ids and hashes are unique");
    let found = store.find_api_key("hash").await.unwrap().unwrap();
    assert!(found.is_valid(NOW) && !found.is_valid(NOW.plus_ms(10)));
    store.touch_api_key(&found.id, NOW).await.unwrap();
    assert!(!store.revoke_api_key(&UserId::new("usr_2"), &found.id, NOW).await.unwrap());
    assert!(store.revoke_api_key(&UserId::new("usr_1"), &found.id, NOW).await.unwrap());
    let listed = store.list_api_keys(&UserId::new("usr_1")).await.unwrap();
    assert_eq!((listed.len(), listed[0].last_used_at, listed[0].is_valid(NOW)), (1, Some(NOW), false));
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_ones_answer() {
    let backend = backend().await;
    let store = backend.raw();
    let begin = |user: &'static str, body: &'static str, at: u64| {
        store.begin_idempotent(user, "k", body, 1_000, NOW.plus_ms(at))
    };
    assert_eq!(begin("u1", "b", 0).await.unwrap(), Idempotent::First);
    assert_eq!(begin("u1", "b", 1).await.unwrap(), Idempotent::InProgress);
    assert_eq!(begin("u1", "c", 1).await.unwrap(), Idempotent::OtherBody);
    assert_eq!(begin("u2", "c", 1).await.unwrap(), Idempotent::First);
    let answer = Recorded { status: 201, body: "{}".to_owned() };
    store.finish_idempotent("u1", "k", Some(answer.clone())).await.unwrap();
    store.finish_idempotent("u2", "k", None).await.unwrap();
    assert_eq!(begin("u1", "b", 2).await.unwrap(), Idempotent::Done(answer));
    assert_eq!(begin("u2", "c", 2).await.unwrap(), Idempotent::First);
    store.clear_unfinished_idempotent().await.unwrap();
    assert_eq!(begin("u2", "d", 3).await.unwrap(), Idempotent::First);
    assert_eq!(begin("u1", "x", 1_001).await.unwrap(), Idempotent::First, "forgotten");
}

#[tokio::test]
async fn failed_sign_ins_are_counted_until_one_succeeds() {
    let backend = backend().await;
    let store = backend.raw();
    assert_eq!(store.find_login_failures("a").await.unwrap(), None);
    store.count_login_failure("a", NOW).await.unwrap();
    let twice = store.count_login_failure("a", NOW.plus_ms(5)).await.unwrap();
    assert_eq!((twice.failures, twice.first_at, twice.last_at), (2, NOW, NOW.plus_ms(5)));
    store.clear_login_failures("a", Timestamp(0)).await.unwrap();
    assert_eq!(store.find_login_failures("a").await.unwrap(), None);
}
