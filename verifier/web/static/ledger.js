// A file may be dropped where it can be chosen. It is sent as the form would send it: nothing is read here but its size.
for (const form of document.querySelectorAll("form[data-limit]")) {
  const drop = form.querySelector(".drop"), file = form.querySelector("[type=file]"), busy = form.querySelector(".busy");
  drop.classList.add("open");
  drop.querySelector(".invite").hidden = false;

  const over = (event, on) => {
    event.preventDefault();
    drop.classList.toggle("over", on);
  };
  drop.addEventListener("dragover", (event) => over(event, true));
  drop.addEventListener("dragleave", (event) => over(event, false));
  drop.addEventListener("drop", (event) => {
    over(event, false);
    if (event.dataTransfer.files.length !== 1) return;
    file.files = event.dataTransfer.files;
    file.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // Before page.js sends what was chosen: a file that is too long is told here, and not sent in vain.
  form.addEventListener("change", (event) => {
    if (event.target !== file || !file.files.length) return;
    const large = file.files[0].size > Number(form.dataset.limit);
    busy.hidden = !large;
    busy.classList.toggle("still", large);
    busy.textContent = large ? form.dataset.large : "";
    if (!large) return;
    file.value = "";
    event.stopImmediatePropagation();
  }, true);
  form.addEventListener("submit", () => {
    busy.classList.remove("still");
    drop.querySelector("progress").hidden = false;
  });
}
addEventListener("pageshow", () => {
  for (const bar of document.querySelectorAll(".drop progress")) bar.hidden = true;
});
