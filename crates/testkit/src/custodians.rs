//! Custodians of keys on this machine: a small Vault of our own, and how KMS is asked on Moto.

mod fake_vault;

pub use fake_vault::{FakeVault, TOKEN};

use std::path::Path;

use clerestory_custody::{AccessKey, Custody, KmsSettings, Patience, VaultAuth, VaultSettings};

use crate::bucket::Moto;

/// Less time than a real custodian is given.
fn patience() -> Patience {
    let millis = std::time::Duration::from_millis;
    Patience { request: millis(1500), attempts: 2, pause: millis(20) }
}

/// How the Vault is reached with a token, which is written into a file in `directory`.
///
/// # Panics
/// When the file cannot be written.
#[must_use]
pub fn by_token(vault: &FakeVault, directory: &Path, token: &str) -> Custody {
    let path = directory.join("vault-token");
    std::fs::write(&path, format!("{token}\n")).expect("a file with a token");
    of_vault(vault, VaultAuth::TokenFile(path))
}

/// How the Vault is reached by an AppRole, whose ids are written into files in `directory`.
///
/// # Panics
/// When the files cannot be written.
#[must_use]
pub fn by_role(vault: &FakeVault, directory: &Path, role: &str, secret: &str) -> Custody {
    let (role_id, secret_id) = (directory.join("role-id"), directory.join("secret-id"));
    std::fs::write(&role_id, role).expect("a file with a role id");
    std::fs::write(&secret_id, secret).expect("a file with a secret id");
    of_vault(vault, VaultAuth::AppRole { mount: "approle".to_owned(), role_id, secret_id })
}

fn of_vault(vault: &FakeVault, auth: VaultAuth) -> Custody {
    let settings = VaultSettings { address: vault.address(), namespace: None, ca_file: None, auth };
    Custody { vault: Some(settings), kms: KmsSettings::default(), patience: patience() }
}

/// How KMS is reached on Moto, which looks at no signature.
#[must_use]
pub fn on_moto(moto: &Moto) -> Custody {
    let endpoint = Some(format!("http://{}", moto.address()));
    let access_key =
        Some(AccessKey { id: "AKIDOFTHETESTS".to_owned(), secret: "of the tests".to_owned().into() });
    Custody { vault: None, kms: KmsSettings { endpoint, access_key }, patience: patience() }
}
