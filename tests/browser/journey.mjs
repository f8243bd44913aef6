// Goes through the pages as a person does, in Debian's Chromium: a set-up link, a second factor, a step on a finding, all without
// JavaScript; then every page that a link leads to, in light and dark and as narrow as a phone, judged by axe. Prints what it saw.
//
//     node journey.mjs BASE_URL SET_UP_PATH FINDING_PATH [SCREENSHOT_FOLDER]
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const modules = process.env.BROWSER_MODULES;
const require = createRequire(join(modules, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const [base, setUp, finding, folder] = process.argv.slice(2);
const MOST_PAGES = 80;

const seen = { signed_in_as: null, state: null, pages: [], violations: [], noise: [], too_wide: [], skipped: 0 };

function code(base32) {
    const bits = [...base32].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"));
    const key = Buffer.from(bits.join("").match(/.{8}/g).map((byte) => parseInt(byte, 2)));
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000)));
    const tag = createHmac("sha1", key).update(counter).digest();
    const number = tag.readUInt32BE(tag[19] & 15) & 0x7fffffff;
    return String(number % 1000000).padStart(6, "0");
}

// nothing of ours runs in a page, so whatever a page says by itself is wrong
function listen(page) {
    page.on("dialog", (dialog) => {
        seen.noise.push(`dialog at ${page.url()}: ${dialog.message()}`);
        dialog.dismiss();
    });
    page.on("console", (message) => seen.noise.push(`${message.type()} at ${page.url()}: ${message.text()}`));
    page.on("pageerror", (error) => seen.noise.push(`error at ${page.url()}: ${error.message}`));
    page.on("request", (request) => {
        if (!request.url().startsWith(base)) seen.noise.push(`a request to ${request.url()} by ${page.url()}`);
    });
}

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const plain = await browser.newContext({ javaScriptEnabled: false });
const page = await plain.newPage();
listen(page);
page.setDefaultTimeout(60000);

const looks = {
    light: { colorScheme: "light", viewport: { width: 1280, height: 900 } },
    dark: { colorScheme: "dark", viewport: { width: 1280, height: 900 } },
    phone: { colorScheme: "light", viewport: { width: 375, height: 800 } },
};
for (const [name, look] of Object.entries(looks)) await judgeAsStranger(setUp, name, look);

await page.goto(base + setUp);
const key = await page.locator("code.key").textContent();
await page.getByLabel("Name you sign in by").fill("grace@acme.example");
await page.getByLabel("Password").fill("correct horse battery staple");
await page.getByLabel("The same once more").fill("correct horse battery staple");
await page.getByLabel("The code it shows now").fill(code(key));
await page.getByRole("button", { name: "Set up and sign in" }).click();
seen.signed_in_as = await page.locator("form.who span").first().textContent();

// a step, by keyboard alone once the form is open
await page.goto(base + finding);
await page.getByText("Confirm that it is a finding").focus();
await page.keyboard.press("Enter");
const form = page.locator(`form[action="${finding}/confirm"]`);
await form.getByLabel("How grave it is").selectOption("minor");
await form.getByLabel("Anything to add").fill('seen <img src=x onerror=alert("note")>');
await page.keyboard.press("Tab");
await page.keyboard.press("Enter");
await page.getByRole("status").waitFor();
seen.state = await page.locator("p .state").first().textContent();

// and everything a link leads to
const cookies = await plain.cookies();
const found = ["/", ...(await links(page))];
const waiting = [...new Set(found)];
const done = new Set();
const pages = {};
for (const [name, look] of Object.entries(looks)) {
    const context = await browser.newContext(look);
    await context.addCookies(cookies);
    pages[name] = await context.newPage();
    listen(pages[name]);
}
while (waiting.length > 0) {
    const path = waiting.shift();
    // pages of one kind look alike: two of each are enough
    const alike = [...done].filter((one) => kind(one) === kind(path)).length;
    if (done.has(path) || alike >= 2 || done.size >= MOST_PAGES) {
        if (!done.has(path)) seen.skipped += 1;
        continue;
    }
    done.add(path);
    for (const name of Object.keys(looks)) await judge(pages[name], path, name);
    waiting.push(...(await links(pages.light)));
}
seen.pages = [...done];

// the way in, as a stranger sees it
for (const [name, look] of Object.entries(looks)) await judgeAsStranger("/sign-in", name, look);
await browser.close();
console.log(JSON.stringify(seen));

async function judgeAsStranger(path, name, look) {
    const context = await browser.newContext(look);
    const stranger = await context.newPage();
    listen(stranger);
    await judge(stranger, path, name);
    await context.close();
}

// `/findings` and `/findings?state=open` are of one kind, `/findings/x-1` is of another
function kind(path) {
    const [, first, ...rest] = path.split("?")[0].split("/");
    return `${first}${rest.length > 0 ? "/one" : ""}`;
}

async function links(at) {
    const hrefs = await at.locator("a[href]").evaluateAll((all) => all.map((one) => one.getAttribute("href")));
    return hrefs.filter((href) => href.startsWith("/")).map((href) => href.split("#")[0]);
}

async function judge(at, path, look) {
    const response = await at.goto(base + path);
    if (response.status() !== 200) seen.noise.push(`${response.status()} at ${path}`);
    // every form as it looks when it is filled in
    await at.locator("details").evaluateAll((all) => all.forEach((one) => (one.open = true)));
    await at.evaluate(axe);
    const { violations } = await at.evaluate(() => globalThis.axe.run());
    for (const { id, nodes } of violations) {
        seen.violations.push(`${look} ${path}: ${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
    }
    const width = await at.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (width > 0) seen.too_wide.push(`${look} ${path}: by ${width} pixels`);
    if (!folder) return;
    const name = path === "/" ? "overview" : path.replace(setUp, "/set-up").slice(1).replace(/[^a-z0-9]+/gi, "-").slice(0, 60);
    await at.screenshot({ path: join(folder, `${name}.${look}.png`), fullPage: true });
}
