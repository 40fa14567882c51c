// SPDX-License-Identifier: Apache-2.0
//
// Shows what the server says. All text becomes a text node, never markup:
// names, comments and values were written by others.
"use strict";

const PERIOD = 2000;
const MAX_RESULTS = 30;
const id = (name) => document.getElementById(name);

// An element with a class and children, which are elements or text.
function element(tag, name, ...children) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...children.map((c) => (c instanceof Node ? c : String(c))));
  return made;
}

const cell = (name, ...children) => element("td", name, ...children);
const badge = (word) => element("span", "badge " + word, word);

// What has not changed stays: somebody may be about to click on it.
const shown = {};
function rows(table, list, row) {
  const text = JSON.stringify(list);
  if (shown[table] === text) return;
  shown[table] = text;
  id(table).tBodies[0].replaceChildren(...list.map(row));
}

function many(number) {
  if (typeof number !== "number") return number;
  return number.toLocaleString("en-US");
}

function policyCell(hash, comment) {
  const button = element("button", "link", hash.slice(0, 8));
  button.type = "button";
  button.title = "show policy " + hash;
  button.addEventListener("click", () => showPolicy(hash));
  const made = cell("long", button);
  if (comment) made.append(element("span", "comment", comment));
  return made;
}

// -- What is there -----------------------------------------------------------

function show(state) {
  id("node").textContent = state.node === "nonode@nohost" ? "" : state.node;
  const status = id("status");
  status.className = state.status;
  status.textContent = `OTP ${state.otp} (${state.flavor}): ` +
    (state.status === "enforced" ? "policies are enforced" : "nothing is enforced");
  id("playground").hidden = !state.playground;
  numbers(state.metrics);
  violations(state);
  processes(state);
  policies(state);
}

function numbers(metrics) {
  const facts = [
    ["restricted", metrics.restricted_processes],
    ["policies", metrics.policies],
    ["denials", metrics.denials_total],
    ["raised", metrics.denials_raise_total],
    ["killed", metrics.denials_kill_total],
    ["logged only", metrics.denials_log_total],
    ["refused to nodes", metrics.denials_refuse_total],
  ];
  id("numbers").replaceChildren(...facts.map(([name, value]) =>
    element("div", "", element("dt", "", name), element("dd", "", many(value)))));
}

function violations(state) {
  rows("violations", state.violations, (v) => element("tr", "",
    cell("number", many(v.seq)),
    cell("", new Date(v.time).toLocaleTimeString("en-GB")),
    cell("mono", v.who),
    cell("mono long", v.mfa + (v.target === undefined ? "" : " to " + v.target)),
    cell("", badge(v.action)),
    cell("mono", v.policy.slice(0, 8))));
  const total = state.metrics.denials_total;
  id("violations-count").textContent =
    total > state.violations.length ? `newest ${state.violations.length} of ${many(total)}` : "";
}

function processes(state) {
  rows("processes", state.processes, (p) => element("tr", "",
    cell("mono", p.pid), cell("mono long", p.name), cell("mono", p.flags),
    policyCell(p.hash, p.comment),
    cell("number", many(p.denials)), cell("number", many(p.reductions)),
    cell("number", many(p.memory)), cell("number", many(p.queue))));
  more("processes", state.more_processes);
}

function policies(state) {
  rows("policies", state.policies, (p) => element("tr", "",
    policyCell(p.hash, p.comment), cell("", p.mode), cell("mono", p.flags),
    cell("", p.on_deny), cell("number", many(p.rules)),
    cell("number", many(p.processes))));
  more("policies", state.more_policies);
}

function more(table, left) {
  id(table + "-count").textContent = left > 0 ? `and ${many(left)} more` : "";
}

async function showPolicy(hash) {
  const answer = await fetch("/policy/" + hash).catch(() => null);
  const dump = id("dump");
  dump.textContent = answer ? await answer.text() : "no answer";
  dump.hidden = false;
  dump.scrollIntoView({ block: "nearest" });
}

async function refresh() {
  try {
    const answer = await fetch("/state");
    if (!answer.ok) throw new Error(await answer.text());
    show(await answer.json());
  } catch (error) {
    id("status").className = "lost";
    id("status").textContent = "no answer from the server";
  }
}

async function watch() {
  if (!document.hidden) await refresh();
  setTimeout(watch, PERIOD);
}

// -- The playground ----------------------------------------------------------

async function run(source) {
  id("run").disabled = true;
  try {
    const answer = await fetch("/eval", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ source }),
    });
    result(source, answer.ok ? await answer.json()
      : { outcome: "error", text: (await answer.text()).trim(), output: "" });
  } catch (error) {
    result(source, { outcome: "error", text: "no answer from the server", output: "" });
  } finally {
    id("run").disabled = false;
  }
  await refresh();
}

function result(source, { outcome, text, output, micros }) {
  const made = element("li", "", badge(outcome), element("pre", "", text));
  if (micros !== undefined) {
    made.append(element("span", "time", micros < 10000 ? `${micros} µs` : `${Math.round(micros / 1000)} ms`));
  }
  made.append(element("code", "", source));
  if (output) made.append(element("pre", "output", output));
  const results = id("results");
  results.prepend(made);
  while (results.children.length > MAX_RESULTS) results.lastChild.remove();
}

id("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const source = id("source").value.trim();
  if (source && !id("run").disabled) run(source);
});

id("source").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    id("form").requestSubmit();
  }
});

for (const example of document.querySelectorAll(".try")) {
  example.addEventListener("click", () => {
    id("source").value = example.textContent;
    id("form").requestSubmit();
  });
}

watch();
