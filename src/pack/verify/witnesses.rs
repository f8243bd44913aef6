//! Cosignatures of witnesses: others who say that they saw this log at this size, and no other history of it.

use super::VerifyOptions;
use super::findings::Findings;
use ledger::{SignedCheckpoint, cosignature};
use model::time::seconds_text;

/// Verifies the cosignatures that the policy asks for, and says what the checkpoint has beside the log's own signature.
pub(super) fn examine(checkpoint: &SignedCheckpoint, options: &VerifyOptions, place: &str, findings: &mut Findings) {
    let Some(rule) = options.policy.as_ref().and_then(|policy| policy.witnesses.as_ref()) else {
        let others = checkpoint.signatures().iter().filter(|line| !line.names(checkpoint.key())).count();
        if others > 0 {
            findings.doubt(format!(
                "the {others} signatures beside the log's own: name the witnesses you trust, with their keys, in a policy (--policy)"
            ));
        }
        return;
    };
    let mut held = 0;
    let mut missing = Vec::new();
    for witness in &rule.keys {
        match cosignature::verify(checkpoint, witness) {
            Ok(at) => {
                held += 1;
                findings.prove(format!(
                    "the witness {} cosigned this checkpoint at {} by its own clock: it had seen no other history of the log",
                    witness.name(),
                    seconds_text(at)
                ));
            }
            Err(error) => missing.push(error.to_string()),
        }
    }
    if held < rule.required {
        findings.problem(
            place,
            format!(
                "your policy asks for {} of your witnesses, {held} cosigned: {}",
                rule.required,
                missing.join("; ")
            ),
        );
    }
}
