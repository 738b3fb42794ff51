// @ts-check
/** The routes of the API, as `openapi.json` describes them: what each takes, and what it answers. */

import { element } from "./panels.js";

/** @typedef {{name: string, in: string, required?: boolean, description?: string, schema?: Record<string, any>}} Parameter */
/** @typedef {{description?: string, content?: Record<string, any>}} Answer */
/** @typedef {{description?: string, parameters?: Parameter[], requestBody?: Answer, responses?: Record<string, Answer>}} Operation */
/** @typedef {{info: {title: string, version: string, description?: string}, paths: Record<string, Record<string, Operation>>}} Api */

const get = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

try {
  const answer = await fetch("openapi.json");
  show(/** @type {Api} */ (await answer.json()));
} catch {
  get("about").textContent = "The gateway can't be reached";
}

/** @param {Api} api */
function show({ info, paths }) {
  get("about").replaceChildren(`${info.title} ${info.version}. `, ...marked(info.description ?? ""));
  const found = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
  );
  get("routes").replaceChildren(...found.map(({ name, operation }) => route(name, operation)));
  get("contents").replaceChildren(
    element("ul", "", ...found.map(({ name }) => {
      const link = element("a", "", element("code", "", name));
      link.href = `#${idOf(name)}`;
      return element("li", "", link);
    })),
  );
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

/** @param {string} name @param {Operation} operation */
function route(name, { description, parameters, requestBody, responses }) {
  const parts = (description ?? "").split("\n\n").map((text) => element("p", "", ...marked(text)));
  const takes = (parameters ?? []).map((one) => [
    `${one.name}${one.required ? "" : " (optional)"}`, `${one.in}: ${kindOf(one.schema)}`, one.description ?? "",
  ]);
  if (requestBody) takes.push(["body", Object.keys(requestBody.content ?? {}).join(", "), requestBody.description ?? ""]);
  if (takes.length) parts.push(table("Takes", takes));
  const gives = Object.entries(responses ?? {});
  parts.push(table("Answers", gives.map(([status, { description: text, content }]) => [status, Object.keys(content ?? {}).join(", "), text ?? ""])));
  const section = element("section", "panel", element("h2", "", element("code", "", name)), ...parts);
  section.id = idOf(name);
  return section;
}

/** @param {string} caption @param {string[][]} rows */
function table(caption, rows) {
  const made = element("table", "", element("caption", "", caption));
  for (const [first, second, third] of rows) {
    const head = element("th", "", element("code", "", first));
    head.scope = "row";
    made.append(element("tr", "", head, element("td", "", second), element("td", "", ...marked(third))));
  }
  return made;
}

/** What a value may be, in a word. @param {Record<string, any>} [schema] @returns {string} */
function kindOf(schema = {}) {
  if (schema.enum) return schema.enum.join(", ");
  if (schema.anyOf) return schema.anyOf.map(kindOf).join(" or ");
  return schema.$ref?.split("/").at(-1) ?? schema.type ?? "any";
}

/** Text in which `code` is marked. @param {string} text */
function marked(text) {
  return text.split("`").map((part, at) => (at % 2 ? element("code", "", part) : part));
}

/** @param {string} name */
function idOf(name) {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/-$/, "");
}
