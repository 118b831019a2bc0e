//! What is opened and what is not.

use std::sync::Arc;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use store::{OpenError, Store};
use testkit::FakeClock;
use testkit::conformance::{Backend, open_policy};

use crate::{Sqlite, options};

async fn open(path: &std::path::Path) -> Result<Store, OpenError> {
    Store::open(path, options(open_policy(), Arc::new(FakeClock::new()), 0)).await
}

async fn raw(path: &std::path::Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

#[tokio::test]
async fn the_prototypes_database_is_recognised_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orchestration.db");
    let mut conn = raw(&path).await;
    for sql in ["CREATE TABLE alembic_version (v TEXT)", "CREATE TABLE projects (id TEXT)"] {
        sqlx::query(sql).execute(&mut conn).await.unwrap();
    }
    conn.close().await.unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = open(&path).await.unwrap_err();
    assert!(matches!(&error, OpenError::NotOurs { is_prototype: true, .. }));
    assert!(error.to_string().contains("nothing was changed"), "{error}");
    assert!(error.to_string().contains("prototype") && error.to_string().contains("--data-dir"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no file beside it");
}

#[tokio::test]
async fn another_programs_database_and_any_other_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let mut conn = raw(&path).await;
    sqlx::query("CREATE TABLE t (id TEXT)").execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    assert!(matches!(open(&path).await, Err(OpenError::NotOurs { is_prototype: false, .. })));
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "x".repeat(5_000)).unwrap();
    assert!(matches!(open(&text).await, Err(OpenError::NotADatabase { .. })));
    assert!(matches!(open(folder.path()).await, Err(OpenError::Unwritable { .. })));
    let below_a_file = text.join("orchestration.db");
    assert!(matches!(open(&below_a_file).await, Err(OpenError::Unwritable { .. })));
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let backend = Sqlite::open(open_policy(), Arc::new(FakeClock::new())).await;
    let path = backend.path();
    backend.raw().close().await;
    let mut conn = raw(&path).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', 1, x'00', 0)",
    )
    .execute(&mut conn)
    .await
    .unwrap();
    conn.close().await.unwrap();
    let error = open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Newer { version: 9999, .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_named_as_such() {
    let backend = Sqlite::open(open_policy(), Arc::new(FakeClock::new())).await;
    let path = backend.path();
    backend.raw().close().await;
    let mut bytes = std::fs::read(&path).unwrap();
    // Everything but the header.
    bytes[100..8_192].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let error = open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn a_new_database_is_private_and_made_with_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/orchestration.db");
    let store = open(&path).await.unwrap();
    store.close().await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
    }
    assert!(store.find_user_by_email("x").await.is_err(), "closed");
    open(&path).await.unwrap().close().await;
}

#[tokio::test]
async fn two_at_once_make_one_new_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orchestration.db");
    let (first, second) = tokio::join!(open(&path), open(&path));
    first.unwrap().close().await;
    second.unwrap().close().await;
}
