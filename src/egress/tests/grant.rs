//! A token that is granted reaches whoever asked, and no recording.

use super::server::{Reply, Server};
use super::{OPERATION, get, live, policy, recorded};
use crate::Egress;
use bytes::Bytes;
use secrecy::ExposeSecret as _;

const CANARY: &str = "CANARY-7f3a91c2/x";

fn ask(server: &Server) -> http::Request<Bytes> {
    let form = format!("grant_type=client_credentials&client_id=c1&client_secret={CANARY}&assertion={CANARY}&scope=s");
    http::Request::post(server.url("/token").as_str()).body(Bytes::from(form)).unwrap()
}

#[tokio::test]
async fn a_granted_token_is_handed_over_and_never_recorded() {
    // as a server may write it: spaces, an escaped slash, more tokens beside it
    let escaped = CANARY.replace('/', "\\/");
    let body = format!(
        "{{\"token_type\": \"Bearer\", \"access_token\" : \"{escaped}\", \"expires_in\":3599,\"id_token\":\"{CANARY}-id\"}}"
    );
    let echo =
        format!("{{\"client_secret\":\"{CANARY}-app\",\"you_sent\":\"{CANARY}\",\"client_secret_hint\":\"none\"}}");
    let server = Server::start(vec![Reply::ok(&body), Reply::ok(&echo)]).await;
    let egress = live(policy(&server));
    let (answer, token) = egress.grant(OPERATION, ask(&server)).await.unwrap();
    assert_eq!(token.unwrap().expose_secret(), CANARY);
    assert!(String::from_utf8_lossy(&answer.body).contains("\"expires_in\":3599"));
    let told = egress.send(OPERATION, get(&server.url("/apps"))).await.unwrap();
    assert!(String::from_utf8_lossy(&told.body).ends_with("\"client_secret_hint\":\"none\"}"));

    let recorded = recorded(&egress);
    for exchange in &recorded {
        let text =
            format!("{}{}", serde_json::to_string(&exchange.record).unwrap(), String::from_utf8_lossy(&exchange.body));
        assert!(!text.contains("CANARY"), "{text}");
        serde_json::from_slice::<serde_json::Value>(&exchange.body).unwrap();
    }
    assert!(server.requests()[0].contains(CANARY), "it did reach the source");
    assert_eq!(egress.redactions().len(), 3, "{:?}", egress.redactions());

    // the recording grants a placeholder, whatever the secret is then
    let replay = Egress::replay(recorded);
    let (again, token) = replay.grant(OPERATION, ask(&server)).await.unwrap();
    assert_eq!(again.body, answer.body);
    assert!(token.is_some());
}

#[tokio::test]
async fn an_answer_without_a_token_grants_none_live_and_in_replay() {
    for reply in [
        Reply::status("401 Unauthorized", "", "{\"error\":\"invalid_client\",\"access_token\":\"not-granted\"}"),
        Reply::ok("{\"access_token\":\"\"}"),
        Reply::ok("{\"access_token\":17}"),
        Reply::ok("{\"access_token\":\"broken \\q was granted\"}"),
        Reply::ok("{\"nested\":{\"access_token\":\"elsewhere-granted\"}}"),
        Reply::ok("{\"access_token\":\"never-ends"),
        Reply::ok("<html>"),
    ] {
        let server = Server::start(vec![reply]).await;
        let egress = live(policy(&server));
        let (answer, token) = egress.grant(OPERATION, ask(&server)).await.unwrap();
        assert!(token.is_none(), "{answer:?}");
        assert!(!String::from_utf8_lossy(&recorded(&egress)[0].body).contains("granted"));
        assert!(!String::from_utf8_lossy(&recorded(&egress)[0].body).contains("never-ends"));
        let replay = Egress::replay(recorded(&egress));
        assert!(replay.grant(OPERATION, ask(&server)).await.unwrap().1.is_none());
    }
}

#[tokio::test]
async fn the_secrets_of_others_go_where_they_stand_and_words_like_them_stay() {
    let told = format!(
        "{{\"userName\":\"ada\",\"password\":\"{CANARY}\",\"policy\":{{\"password\":\"required\",\"mfa\":\"required\"}},\
         \"keyCredentials\":[{{\"privateKey\" : \"{CANARY}\",\"secretText\":\"{CANARY}\",\"passwordCredentials\":[]}}],\"passphrase\":null}}"
    );
    let server = Server::start(vec![Reply::ok(&told)]).await;
    let egress = live(policy(&server));
    let answer = egress.send(OPERATION, get(&server.url("/Users"))).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(!body.to_string().contains("CANARY"), "{body}");
    assert_eq!(body["userName"], "ada");
    assert_eq!(body["policy"]["mfa"], "required");
    assert_eq!(body["keyCredentials"][0]["passwordCredentials"], serde_json::json!([]));
    assert!(body["passphrase"].is_null());
    assert_eq!(egress.redactions().len(), 1);
}
