// Small comforts, none needed: a chosen photo is sent at once, a slow answer is announced, instants read in local time.
const root = document.documentElement;
root.classList.add("enhanced");

let sent = -Infinity; // a code is not asked twice within a second: scanners and fingers stutter

for (const form of document.querySelectorAll("form[data-busy]")) {
  form.addEventListener("submit", (event) => {
    if (event.timeStamp - sent < 1000) return event.preventDefault();
    sent = event.timeStamp;
    const busy = form.querySelector(".busy");
    if (busy) {
      busy.hidden = false;
      busy.textContent = form.dataset.busy;
    }
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  });
  form.addEventListener("change", (event) => {
    if (event.target.files?.length) form.requestSubmit();
  });
}

// Coming back with the browser's arrow finds the forms ready again.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  sent = -Infinity;
  for (const busy of document.querySelectorAll(".busy")) busy.textContent = "";
  for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
});

const local = new Intl.DateTimeFormat(root.lang === "en" ? "en-GB" : root.lang, { dateStyle: "long", timeStyle: "short" });
for (const time of document.querySelectorAll('time[datetime*="T"]')) time.textContent = local.format(new Date(time.dateTime));
