//! Every page and every step there is, and whose it is. What is not in the table is not there.

use super::{App, answers, guard, pages, sign_in, users};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, header};
use axum::routing::{MethodRouter, get, post};
use model::Role;
use std::sync::Arc;

/// One thing that can be asked for.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) who: Who,
    /// A function, because a table that is constant holds no handler.
    pub(super) handler: fn() -> MethodRouter,
}

/// Who may ask.
#[derive(Debug, Clone, Copy)]
pub(super) enum Who {
    /// Whoever reaches it, signed in or not: the way in.
    Anybody,
    /// Whoever is signed in with one of these roles.
    Roles(&'static [Role]),
}

impl Who {
    /// Of `roles`; a table with none does not compile.
    const fn only(roles: &'static [Role]) -> Self {
        assert!(!roles.is_empty(), "a route names who may ask for it");
        Self::Roles(roles)
    }

    /// Whether somebody of `role` may ask.
    pub(super) fn includes(self, role: Role) -> bool {
        match self {
            Self::Anybody => true,
            Self::Roles(roles) => roles.contains(&role),
        }
    }
}

const READERS: Who = Who::only(&Role::ALL);
/// Who answers for controls.
const OWNERS: Who = Who::only(&[Role::Administrator, Role::ControlOwner]);
/// Who judges what others did, too.
const JUDGES: Who = Who::only(&[Role::Administrator, Role::ControlOwner, Role::Reviewer]);
const OPERATORS: Who = Who::only(&[Role::Administrator, Role::Operator]);
const ADMINISTRATORS: Who = Who::only(&[Role::Administrator]);

const fn read(path: &'static str, who: Who, handler: fn() -> MethodRouter) -> Route {
    Route { method: Method::GET, path, who, handler }
}

const fn step(path: &'static str, who: Who, handler: fn() -> MethodRouter) -> Route {
    Route { method: Method::POST, path, who, handler }
}

pub(super) static ROUTES: &[Route] = &[
    read("/style.css", Who::Anybody, || get(style)),
    read("/sign-in", Who::Anybody, || get(sign_in::form)),
    step("/sign-in", Who::Anybody, || post(sign_in::enter)),
    read("/set-up/{secret}", Who::Anybody, || get(sign_in::set_up_form)),
    step("/set-up/{secret}", Who::Anybody, || post(sign_in::set_up)),
    read("/open/{secret}", Who::Anybody, || get(sign_in::open)),
    step("/sign-out", READERS, || post(sign_in::leave)),
    read("/", READERS, || get(pages::overview)),
    read("/controls", READERS, || get(pages::controls)),
    read("/checks", READERS, || get(pages::checks)),
    read("/sources", READERS, || get(pages::sources)),
    read("/sources/{source}", READERS, || get(pages::source)),
    read("/log", READERS, || get(pages::log)),
    read("/log/{index}", READERS, || get(pages::entry)),
    read("/snapshots", READERS, || get(pages::snapshots)),
    read("/snapshots/{id}", READERS, || get(pages::snapshot)),
    step("/snapshots/{id}/confirm", OPERATORS, || post(pages::confirm_snapshot)),
    read("/checks/{name}", READERS, || get(pages::check)),
    read("/findings", READERS, || get(pages::findings)),
    read("/findings/{id}", READERS, || get(pages::finding)),
    step("/findings/{id}/confirm", JUDGES, || post(pages::act)),
    step("/findings/{id}/dismiss", JUDGES, || post(pages::act)),
    step("/findings/{id}/plan", OWNERS, || post(pages::act)),
    step("/findings/{id}/implement", OWNERS, || post(pages::act)),
    step("/findings/{id}/verify", JUDGES, || post(pages::act)),
    step("/findings/{id}/close", JUDGES, || post(pages::act)),
    step("/findings/{id}/accept", JUDGES, || post(pages::act)),
    step("/findings/{id}/due", OWNERS, || post(pages::act)),
    step("/findings/{id}/owner", OWNERS, || post(pages::act)),
    read("/exceptions", READERS, || get(pages::exceptions)),
    step("/exceptions", OWNERS, || post(pages::request_exception)),
    read("/exceptions/{id}", READERS, || get(pages::exception)),
    step("/exceptions/{id}/approve", JUDGES, || post(pages::act_on_exception)),
    step("/exceptions/{id}/refuse", JUDGES, || post(pages::act_on_exception)),
    step("/exceptions/{id}/revoke", JUDGES, || post(pages::act_on_exception)),
    read("/reviews", READERS, || get(pages::reviews)),
    step("/reviews", OWNERS, || post(pages::start_review)),
    read("/reviews/{id}", READERS, || get(pages::review)),
    step("/reviews/{id}/decide", JUDGES, || post(pages::decide_in_review)),
    step("/reviews/{id}/certify-plain", JUDGES, || post(pages::certify_plain)),
    step("/reviews/{id}/conclude", JUDGES, || post(pages::act_on_review)),
    step("/reviews/{id}/sign-off", JUDGES, || post(pages::act_on_review)),
    step("/reviews/{id}/defer", JUDGES, || post(pages::act_on_review)),
    step("/reviews/{id}/cancel", JUDGES, || post(pages::act_on_review)),
    read("/reviews/{id}/item", READERS, || get(pages::review_item)),
    step("/reviews/{id}/item", JUDGES, || post(pages::act_on_item)),
    step("/reviews/{id}/removal", JUDGES, || post(pages::act_on_item)),
    read("/users", ADMINISTRATORS, || get(users::list)),
    step("/users", ADMINISTRATORS, || post(users::add)),
    step("/users/{id}/role", ADMINISTRATORS, || post(users::role)),
    step("/users/{id}/disable", ADMINISTRATORS, || post(users::disable)),
    step("/users/{id}/enable", ADMINISTRATORS, || post(users::enable)),
    step("/users/{id}/set-up-link", ADMINISTRATORS, || post(users::set_up_link)),
];

/// The places of the navigation that somebody of `role` may go to: path and name.
pub(super) fn places(role: Role) -> impl Iterator<Item = (&'static str, &'static str)> {
    const PLACES: [(&str, &str); 10] = [
        ("/", "Overview"),
        ("/findings", "Findings"),
        ("/exceptions", "Exceptions"),
        ("/reviews", "Access reviews"),
        ("/controls", "Controls"),
        ("/checks", "Checks"),
        ("/sources", "Sources"),
        ("/snapshots", "Snapshots"),
        ("/log", "Log"),
        ("/users", "Users"),
    ];
    PLACES.into_iter().filter(move |(path, _)| may(role, &Method::GET, path))
}

/// Whether somebody of `role` may ask for the route of that pattern.
pub(super) fn may(role: Role, method: &Method, path: &str) -> bool {
    ROUTES.iter().any(|route| route.method == *method && route.path == path && route.who.includes(role))
}

/// The router of `table`: each behind its guard, and nothing beside them.
pub(super) fn router(app: &Arc<App>, table: &'static [Route]) -> Router {
    let mut router = Router::new();
    for route in table {
        let guard = axum::middleware::from_fn_with_state((Arc::clone(app), route), guard::admit);
        router = router.route(route.path, (route.handler)().route_layer(guard));
    }
    let absent = |app: Arc<App>| move |request: Request| guard::absent(State(app), request);
    router
        .fallback(absent(Arc::clone(app)))
        .method_not_allowed_fallback(absent(Arc::clone(app)))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(app), guard::host))
}

async fn style() -> impl axum::response::IntoResponse {
    ([(header::CONTENT_TYPE, "text/css")], answers::STYLE)
}
