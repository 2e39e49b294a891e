"use strict";
// Fetches this page again and again and makes <main> like it, node by node: what is open stays open, what is
// selected stays selected, and the reader stays where they are. Rests in a hidden tab.
function become(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const name of new Set([...old.getAttributeNames(), ...fresh.getAttributeNames()])) {
    if (name === "open") continue;
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    else if (old.getAttribute(name) !== fresh.getAttribute(name)) old.setAttribute(name, fresh.getAttribute(name));
  }
  const known = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let here = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const alike = here && !here.id && here.nodeName === child.nodeName ? here : null;
    const twin = child.id ? known.get(child.id) : alike;
    if (twin && twin === here) here = here.nextSibling;
    else old.insertBefore(twin || child, here);
    if (twin) become(twin, child);
  }
  while (here) {
    const next = here.nextSibling;
    here.remove();
    here = next;
  }
}

const main = document.querySelector("main");
const connection = document.getElementById("connection");

async function refresh() {
  try {
    const headers = { accept: "text/html" };
    const answer = await fetch(location.href, { headers, cache: "no-store", signal: AbortSignal.timeout(10000) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!answer.ok) throw new Error(answer.status);
    document.title = page.title;
    become(main, page.querySelector("main"));
    show("live", "Live");
  } catch {
    show("stale", "No answer, so this may be out of date. Trying again.");
  }
}

function show(state, text) {
  connection.dataset.state = state;
  if (connection.textContent !== text) connection.textContent = text;
}

async function follow() {
  if (!document.hidden) await refresh();
  setTimeout(follow, main.dataset.refreshSeconds * 1000);
}

document.addEventListener("visibilitychange", () => document.hidden || refresh());
show("live", "Live");
setTimeout(follow, main.dataset.refreshSeconds * 1000);
