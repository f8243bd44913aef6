// GitHub's GraphQL API over the emulator, which has none: GitHub's published schema (`@octokit/graphql-schema`), executed
// by the reference implementation (`graphql`), answering with what the emulator says over REST. A query that GitHub's
// schema does not allow is refused here as GitHub refuses it.
//
// usage, where the packages are installed: node github_graphql.mjs EMULATOR PORT
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const { buildSchema, graphql } = require("graphql");
// as published it defines two fields twice; queries are validated against it all the same
const text = readFileSync("node_modules/@octokit/graphql-schema/schema.graphql", "utf8");
const schema = buildSchema(text, { assumeValid: true, assumeValidSDL: true });
const [emulator, port] = process.argv.slice(2);

function github(authorization) {
  const ask = async (path) => {
    const answer = await fetch(emulator + path, { headers: { authorization } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
  };
  const all = async (path) => {
    const found = [];
    for (let page = 1; ; page += 1) {
      const some = await ask(`${path}${path.includes("?") ? "&" : "?"}per_page=100&page=${page}`);
      const elements = Array.isArray(some) ? some : some.items;
      found.push(...elements);
      if (elements.length < 100) return found;
    }
  };
  const actor = (user) => user && { __typename: user.type === "Bot" ? "Bot" : "User", login: user.login };
  // as GitHub does, by the address GitHub gives every account
  const byAddress = (person) => {
    const [login, domain] = (person?.email ?? "").split("@");
    return { user: domain === "users.noreply.github.com" ? { login } : null };
  };
  const connection = (nodes, { first, after }) => {
    const from = after ? Number(after) : 0;
    const to = from + first;
    return {
      totalCount: nodes.length,
      nodes: nodes.slice(from, to),
      pageInfo: { hasNextPage: to < nodes.length, endCursor: String(to) },
    };
  };
  const commit = (one) => ({
    commit: {
      committedViaWeb: false,
      committer: byAddress(one.commit.committer),
      authors: (args) => connection([byAddress(one.commit.author)], args),
    },
  });
  const review = (one) => ({
    state: one.state,
    submittedAt: one.submitted_at,
    authorCanPushToRepository: true,
    author: actor(one.user),
    commit: { oid: one.commit_id },
  });
  const pull = async (place, number) => {
    const one = await ask(`${place}/pulls/${number}`);
    return {
      number,
      title: one.title,
      createdAt: one.created_at,
      updatedAt: one.updated_at,
      mergedAt: one.merged_at,
      baseRefName: one.base.ref,
      headRefOid: one.head.sha,
      author: actor(one.user),
      mergedBy: actor(one.merged_by),
      mergeCommit: one.merge_commit_sha && { oid: one.merge_commit_sha },
      reviews: async (args) => {
        const reviews = (await all(`${place}/pulls/${number}/reviews`)).map(review);
        return connection(reviews.filter((one) => args.states.includes(one.state)), args);
      },
      commits: async (args) => connection((await all(`${place}/pulls/${number}/commits`)).map(commit), args),
    };
  };
  return {
    organization: ({ login }) => ({
      repositories: async () => ({ totalCount: (await all(`/search/repositories?q=org:${login}`)).length }),
      membersWithRole: async () => ({ totalCount: (await all(`/orgs/${login}/members`)).length }),
      samlIdentityProvider: null,
    }),
    repository: ({ owner, name }) => {
      const place = `/repos/${owner}/${name}`;
      return {
        hasVulnerabilityAlertsEnabled: false,
        pullRequests: async (args) => {
          const merged = (await all(`${place}/pulls?state=closed`)).filter((one) => one.merged_at);
          merged.sort((a, b) => b.updated_at.localeCompare(a.updated_at) || b.number - a.number);
          const page = connection(merged, args);
          page.nodes = await Promise.all(page.nodes.map((one) => pull(place, one.number)));
          return page;
        },
        pullRequest: ({ number }) => pull(place, number),
      };
    },
    search: async ({ query }) => {
      const [from, to] = query.match(/merged:(\S+?)\.\.(\S+)/).slice(1).map((text) => Date.parse(text));
      const words = query.replace(/ merged:\S+/, "").replaceAll(" ", "+");
      const found = await all(`/search/issues?q=${words}`);
      const pulls = await Promise.all(found.map((one) => ask(new URL(one.pull_request?.url ?? one.url).pathname)));
      const merged = pulls.map((one) => Date.parse(one.merged_at) - (Date.parse(one.merged_at) % 1000));
      return { issueCount: merged.filter((at) => at >= from && at <= to).length };
    },
  };
}

createServer(async (request, response) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  if (request.method !== "POST") return response.end("ready");
  const { query, variables } = JSON.parse(Buffer.concat(pieces).toString("utf8"));
  const rootValue = github(request.headers.authorization ?? "");
  const result = await graphql({ schema, source: query, variableValues: variables, rootValue });
  response.setHeader("content-type", "application/json; charset=utf-8");
  response.end(JSON.stringify(result));
}).listen(Number(port), "127.0.0.1");
