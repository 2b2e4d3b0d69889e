// Keeps the progress of the run in flight up to date, and follows Airflow's choice of light or dark.
// The pages work without it.
"use strict";

const EVERY_MS = 3000;
let seen = false; // the run in flight, since this page is open: only then its end reloads the page, which cannot loop

function refresh(place) {
  fetch(place.dataset.from, { credentials: "same-origin" }).then((answer) => {
    if (answer.status === 204) { // the run is over
      if (seen) location.reload(); // the page as a whole says how it went
      else place.textContent = "It is over: reload this page to see how it went.";
      return null;
    }
    if (answer.status === 401) return null; // logged out: asking again does not help
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.text();
  }).then((text) => {
    if (text === null) return;
    const part = new DOMParser().parseFromString(text, "text/html").querySelector("[data-run]");
    if (part.dataset.run !== place.dataset.run) { // another run is at work now
      location.reload();
      return;
    }
    seen = true;
    place.replaceChildren(...part.childNodes);
    const said = document.getElementById("announced");
    if (said.textContent !== part.dataset.announced) said.textContent = part.dataset.announced;
    setTimeout(refresh, EVERY_MS, place);
  }).catch(() => setTimeout(refresh, 5 * EVERY_MS, place));
}

const place = document.getElementById("in-flight");
if (place) setTimeout(refresh, EVERY_MS, place);

// In Airflow's frame: the page around it says by a class whether it is dark.
try {
  if (parent !== window) {
    const around = parent.document.documentElement;
    const follow = () => {
      document.documentElement.dataset.theme = around.classList.contains("dark") ? "dark" : "light";
    };
    follow();
    new MutationObserver(follow).observe(around, { attributes: true, attributeFilter: ["class"] });
  }
} catch (error) {
  // Another origin: the system's choice is good enough.
}
