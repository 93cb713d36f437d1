"use strict";
(() => {
  const PAGE = 25;
  const byId = (id) => document.getElementById(id);
  const form = byId("filters");
  let tasks, task, found = [], first = 0;

  // An answer is 0 where it is the gold one, -1 where there is none, else its outcome plus one.
  const outcome = (answer, place) => (answer === 0 ? task.gold[place] : answer - 1);
  const value = (name) => form.elements[name].value;

  async function unpack() {
    const bytes = Uint8Array.from(atob(byId("payload").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  }

  function prepare(one) {
    one.language = [];
    one.languages.forEach((language, number) => {
      for (let n = 0; n < language.count; n++) one.language.push(number);
    });
    one.kinds = one.form === "spans" ? [...new Set(one.outcomes.flat().map((span) => span[0]))].sort() : [];
    one.searched = one.ids.map((id, place) => {
      const text = one.texts[place];
      const space = one.form === "spans" ? one.languages[one.language[place]].space : "\n";
      return `${id}\n${text ? text.join(space) : ""}`.toLowerCase();
    });
  }

  function options(name, pairs, wanted) {
    const select = form.elements[name];
    select.replaceChildren(...pairs.map(([value, text]) => new Option(text, value)));
    if (pairs.some(([value]) => value === wanted)) select.value = wanted;
  }

  function fill(wanted) {
    task = tasks.find((one) => one.task === wanted.get("task")) ?? tasks[0];
    options("task", tasks.map((one) => [one.task, one.task]), task.task);
    const all = ["", "all"];
    options("language", [all, ...task.languages.map((one) => [one.code, one.code])], wanted.get("language"));
    options("seed", task.seeds.map((one) => [one, one]), wanted.get("seed"));
    const rows = task.rows.map((one) => [one, one]);
    options("a", rows, wanted.get("a") ?? task.rows[0]);
    options("b", rows, wanted.get("b") ?? task.rows[Math.min(1, rows.length - 1)]);
    const kinds = {
      spans: () => [...task.kinds.map((kind) => [`=${kind}`, `has ${kind}`]), ["none", "has no entity"]],
      label: () => task.outcomes.map((label, place) => [`${place}`, label]),
      text: () => [],
    }[task.form]();
    options("gold", [all, ...kinds], wanted.get("gold"));
    options("predicted", [all, ...kinds], wanted.get("predicted"));
    options("show", SHOWS.map(([key, text]) => [key, text]), wanted.get("show"));
    form.elements.search.value = wanted.get("search") ?? "";
  }

  const SHOWS = [
    ["", "all", () => true],
    ["a_right", "A right, B wrong", (a, b) => a === 0 && b > 0],
    ["b_right", "B right, A wrong", (a, b) => a > 0 && b === 0],
    ["disagree", "A and B disagree", (a, b) => a >= 0 && b >= 0 && a !== b],
    ["both_wrong", "both wrong", (a, b) => a > 0 && b > 0],
  ];

  function fits(wanted, place) {
    if (task.form !== "spans") return Number(wanted) === place;
    const spans = task.outcomes[place] ?? [];
    if (wanted === "none") return place >= 0 && spans.length === 0;
    return spans.some((span) => `=${span[0]}` === wanted);
  }

  function answersOf(row) {
    return task.answers[task.rows.indexOf(row)]?.[task.seeds.indexOf(value("seed"))];
  }

  function filter() {
    const [language, gold, predicted] = ["language", "gold", "predicted"].map(value);
    const words = value("search").toLowerCase().trim();
    const [a, b] = [answersOf(value("a")), answersOf(value("b"))];
    const counts = SHOWS.map(() => 0);
    const chosen = SHOWS.findIndex(([key]) => key === value("show"));
    found = [];
    for (let place = 0; place < task.ids.length; place++) {
      const said = a ? a[place] : -1;
      if (language && task.languages[task.language[place]].code !== language) continue;
      if (gold && !fits(gold, task.gold[place])) continue;
      if (predicted && (said < 0 || !fits(predicted, outcome(said, place)))) continue;
      if (words && !task.searched[place].includes(words)) continue;
      SHOWS.forEach(([, , test], number) => {
        if (!test(said, b ? b[place] : -1)) return;
        counts[number]++;
        if (number === chosen) found.push(place);
      });
    }
    SHOWS.forEach(([, text], number) => {
      form.elements.show.options[number].text = `${text} (${counts[number].toLocaleString("en")})`;
    });
  }

  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function sentence(parts, language, spans) {
    const paragraph = element("p", { class: "text", lang: language.lang, dir: language.dir });
    for (let word = 0; word < parts.length; word++) {
      if (word) paragraph.append(language.space);
      const span = spans.find(([, start]) => start === word);
      if (!span) {
        paragraph.append(parts[word]);
        continue;
      }
      const words = parts.slice(word, span[2] + 1).join(language.space);
      paragraph.append(element("mark", {}, words, element("sub", { lang: "en", dir: "ltr" }, span[0])));
      word = Math.max(word, span[2]);
    }
    return paragraph;
  }

  function texts(place, language) {
    const parts = task.texts[place];
    if (!parts || task.form === "spans") return [];
    return parts.map((part, side) => {
      const [lang, dir] = language.sides[side] ?? [language.lang, language.dir];
      return element("p", { class: "text", lang, dir }, part);
    });
  }

  function answer(place, known, methods, right, language) {
    const names = methods.map(([name, letters]) =>
      element("span", { class: letters ? "method chosen" : "method" }, letters ? `${letters}: ${name}` : name));
    const line = element("div", { class: `outcome ${right ? "right" : "wrong"}` });
    const said = task.outcomes[known];
    let label = task.form === "spans" ? said.map((span) => span[0]).join(", ") || "no entity" : said;
    if (right) label = `gold: ${label}`;
    line.append(element("span", { class: "answer" }, label), ...names);
    if (!names.length) line.append(element("span", { class: "where" }, "by none"));
    if (task.form === "spans" && task.texts[place]) line.append(sentence(task.texts[place], language, said));
    return line;
  }

  function item(place) {
    const language = task.languages[task.language[place]];
    const gold = task.gold[place];
    const groups = new Map([[gold, []]]);
    const silent = [];
    for (const row of task.rows) {
      const answers = answersOf(row);
      const said = answers ? answers[place] : -1;
      if (said < 0) {
        silent.push(row);
        continue;
      }
      const letters = [row === value("a") ? "A" : "", row === value("b") ? "B" : ""].join("");
      const known = outcome(said, place);
      if (!groups.has(known)) groups.set(known, []);
      groups.get(known).push([row, letters]);
    }
    const made = element("li", {},
      element("div", { class: "where" }, `${language.code}, ${task.ids[place]}`), ...texts(place, language));
    for (const [known, methods] of groups) made.append(answer(place, known, methods, known === gold, language));
    if (silent.length) made.append(element("div", { class: "where" }, `not scored: ${silent.join(", ")}`));
    return made;
  }

  function show() {
    const last = Math.min(first + PAGE, found.length);
    byId("list").replaceChildren(...found.slice(first, last).map(item));
    const number = (n) => n.toLocaleString("en");
    byId("count").textContent = found.length
      ? `${number(first + 1)} to ${number(last)} of ${number(found.length)} cases (${number(task.ids.length)} of ${task.task} in all)`
      : `No case of ${number(task.ids.length)} fits these filters.`;
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    byId("place").textContent = `page ${number(first / PAGE + 1)} of ${number(pages)}`;
    for (const button of document.querySelectorAll("[data-go]")) {
      button.disabled = button.dataset.go === "1" ? last >= found.length : first === 0;
    }
  }

  function remember() {
    const state = new URLSearchParams([...new FormData(form)].filter(([, text]) => text));
    history.replaceState(null, "", `#cases?${state}`);
  }

  function restore() {
    const [, state] = location.hash.split("?");
    fill(new URLSearchParams(state ?? ""));
    filter();
    first = 0;
    show();
  }

  function changed(event) {
    if (event.target.name === "task") fill(new URLSearchParams({ task: value("task") }));
    filter();
    first = 0;
    show();
    remember();
  }

  async function start() {
    tasks = (await unpack()).filter((one) => one.ids.length);
    if (!tasks.length) throw new Error("no predictions were kept by these runs");
    tasks.forEach(prepare);
    restore();
    byId("browser").hidden = false;
    form.addEventListener("input", changed);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", (event) => {
      event.preventDefault();
      const kept = ["task", "seed", "a", "b"].map((name) => [name, value(name)]);
      fill(new URLSearchParams(kept));
      changed({ target: form });
    });
    for (const button of document.querySelectorAll("[data-go]")) {
      button.addEventListener("click", () => {
        first += PAGE * Number(button.dataset.go);
        show();
        byId("count").scrollIntoView({ block: "nearest" });
      });
    }
    window.addEventListener("hashchange", () => location.hash.includes("?") && restore());
    if (location.hash.startsWith("#cases")) byId("cases").scrollIntoView();
  }

  start().catch((error) => {
    byId("trouble").textContent = `The cases cannot be shown: ${error.message}`;
    byId("trouble").hidden = false;
  });
})();
