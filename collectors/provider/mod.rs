//! What collectors of one kind of source share: reading local files, building rows, talking to a provider's API.

pub(crate) mod aws;
pub(crate) mod declared;
pub(crate) mod directory;
pub(crate) mod files;
pub(crate) mod github;
pub(crate) mod github_access;
pub(crate) mod github_json;
pub(crate) mod google;
pub(crate) mod json;
pub(crate) mod oauth;
pub(crate) mod people;
pub(crate) mod rest;
pub(crate) mod rows;
pub(crate) mod run;
pub(crate) mod stepped;
pub(crate) mod tool;
pub(crate) mod web_link;
