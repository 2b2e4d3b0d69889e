// Updates the progress of the run in progress, and follows the light or dark theme of Airflow.
// The pages work without this script.
"use strict";

const EVERY_MS = 3000;
let seen = false; // whether this page has shown progress: the end of a run reloads the page only then, which prevents a loop

function refresh(place) {
  fetch(place.dataset.from, { credentials: "same-origin" }).then((answer) => {
    if (answer.status === 204) { // the run has ended
      if (seen) location.reload(); // the page shows the result
      else place.textContent = "The run has ended: reload this page to see the result.";
      return null;
    }
    if (answer.status === 401) return null; // logged out: another request does not help
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.text();
  }).then((text) => {
    if (text === null) return;
    const part = new DOMParser().parseFromString(text, "text/html").querySelector("[data-run]");
    if (part.dataset.run !== place.dataset.run) { // another run is active now
      location.reload();
      return;
    }
    seen = true;
    place.replaceChildren(...part.childNodes);
    const status = document.getElementById("announced");
    if (status.textContent !== part.dataset.announced) status.textContent = part.dataset.announced;
    setTimeout(refresh, EVERY_MS, place);
  }).catch(() => setTimeout(refresh, 5 * EVERY_MS, place));
}

const place = document.getElementById("in-progress");
if (place) setTimeout(refresh, EVERY_MS, place);

// A part of the page that takes longer to read than the page.
for (const part of document.querySelectorAll("[data-load]")) {
  fetch(part.dataset.load, { credentials: "same-origin" })
    .then((answer) => (answer.ok ? answer.text() : Promise.reject(answer)))
    .then((text) => {
      const loaded = new DOMParser().parseFromString(text, "text/html").querySelector("[data-loaded]");
      part.replaceChildren(part.firstElementChild, ...loaded.childNodes);
    })
    .catch(() => {}); // the link stays
}

// In Airflow's frame: a class of the outer page marks the dark theme.
try {
  if (parent !== window) {
    const outer = parent.document.documentElement;
    const follow = () => {
      document.documentElement.dataset.theme = outer.classList.contains("dark") ? "dark" : "light";
    };
    follow();
    new MutationObserver(follow).observe(outer, { attributes: true, attributeFilter: ["class"] });
  }
} catch (error) {
  // Another origin: the page uses the theme of the system.
}

// In the frame, a link to Airflow changes the page around it: the sandbox of the frame forbids an ordinary navigation,
// so the router of Airflow gets the address. Outside the frame, the link is an ordinary one.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-airflow]");
  if (!link || parent === window || event.ctrlKey || event.metaKey || event.shiftKey) return;
  try {
    parent.history.pushState(null, "", link.getAttribute("href"));
    parent.dispatchEvent(new PopStateEvent("popstate", { state: null }));
    event.preventDefault();
  } catch (error) {
    // Another origin: the link opens in the frame.
  }
});

// In the frame, the sandbox forbids a new tab. The page around it may open one, so it gets the link.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-outside]");
  if (!link || parent === window) return;
  try {
    const outer = parent.document.createElement("a");
    Object.assign(outer, { href: link.href, target: "_blank", rel: "noopener noreferrer" });
    outer.click();
    event.preventDefault();
  } catch (error) {
    // Another origin: the browser decides.
  }
});

// A button copies the text of the element that it names.
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const source = document.getElementById(button.dataset.copy);
    navigator.clipboard.writeText(source.textContent).then(
      () => { button.textContent = "Copied"; },
      () => { getSelection().selectAllChildren(source); button.textContent = "Selected: press Ctrl+C"; },
    );
  });
}
