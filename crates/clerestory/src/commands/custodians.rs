//! How the custodians of root and epochs are reached, as an administrator says it. Options name files and addresses and
//! never a secret: an argument is seen by everybody on the machine.

use std::path::{Path, PathBuf};

use clap::Args;
use clerestory_custody::{Custody, KmsSettings, VaultAuth, VaultSettings};

/// Where Vault (or OpenBao) and KMS are, and who asks them.
#[derive(Args, Clone, Debug)]
pub(super) struct Custodians {
    /// The Vault or OpenBao that holds the root, or epoch secrets: https://vault.example:8200
    #[arg(long, env = "CLERESTORY_VAULT_ADDRESS", value_name = "URL")]
    vault_address: Option<String>,
    /// Its namespace, where it has namespaces.
    #[arg(long, env = "CLERESTORY_VAULT_NAMESPACE", value_name = "NAME")]
    vault_namespace: Option<String>,
    /// File with the certificate (PEM) of who signed its certificate, where the system does not know it.
    #[arg(long, env = "CLERESTORY_VAULT_CA", value_name = "FILE")]
    vault_ca: Option<PathBuf>,
    /// File with a token on its first line. It is read for each call, so that an agent may replace it.
    #[arg(long, env = "CLERESTORY_VAULT_TOKEN_FILE", value_name = "FILE")]
    vault_token_file: Option<PathBuf>,
    /// File with the role id of an AppRole, instead of a token.
    #[arg(
        long,
        env = "CLERESTORY_VAULT_ROLE_ID_FILE",
        value_name = "FILE",
        requires = "vault_secret_id_file",
        conflicts_with = "vault_token_file"
    )]
    vault_role_id_file: Option<PathBuf>,
    /// File with the secret id of that AppRole.
    #[arg(
        long,
        env = "CLERESTORY_VAULT_SECRET_ID_FILE",
        value_name = "FILE",
        requires = "vault_role_id_file"
    )]
    vault_secret_id_file: Option<PathBuf>,
    /// Where AppRole is mounted.
    #[arg(long, env = "CLERESTORY_VAULT_APPROLE", value_name = "MOUNT", default_value = "approle")]
    vault_approle: String,
    /// Where AWS KMS is served, if not at AWS. Credentials come from the environment, as for S3.
    #[arg(long, env = "CLERESTORY_KMS_ENDPOINT", value_name = "URL")]
    kms_endpoint: Option<String>,
}

impl Custodians {
    pub(super) fn settle(&self) -> anyhow::Result<Custody> {
        let vault = match &self.vault_address {
            Some(address) => Some(VaultSettings {
                address: address.clone(),
                namespace: self.vault_namespace.clone(),
                ca_file: self.vault_ca.clone(),
                auth: self.vault_auth()?,
            }),
            None => None,
        };
        Ok(Custody {
            vault,
            kms: KmsSettings { endpoint: self.kms_endpoint.clone(), access_key: None },
            ..Custody::default()
        })
    }

    fn vault_auth(&self) -> anyhow::Result<VaultAuth> {
        let mount = self.vault_approle.clone();
        if let (Some(role_id), Some(secret_id)) = (&self.vault_role_id_file, &self.vault_secret_id_file) {
            return Ok(VaultAuth::AppRole { mount, role_id: role_id.clone(), secret_id: secret_id.clone() });
        }
        if let Some(path) = self.vault_token_file.clone().or(credential("clerestory-vault-token")) {
            return Ok(VaultAuth::TokenFile(path));
        }
        let role = (credential("clerestory-vault-role-id"), credential("clerestory-vault-secret-id"));
        if let (Some(role_id), Some(secret_id)) = role {
            return Ok(VaultAuth::AppRole { mount, role_id, secret_id });
        }
        anyhow::bail!(
            "nothing says who asks the Vault: give --vault-token-file, or --vault-role-id-file and \
             --vault-secret-id-file"
        )
    }
}

/// A credential that systemd hands over in a directory of its own.
pub(super) fn credential(name: &str) -> Option<PathBuf> {
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY")?;
    Some(Path::new(&directory).join(name)).filter(|path| path.exists())
}
