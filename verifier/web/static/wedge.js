// A scanner that types: its burst of keys goes to the text field wherever the focus is, and its Enter sends it. A person
// types slower, and whoever types into a field is left alone.
const GAP_MS = 60, LEAST = 8; // between two keys of a scanner; the shortest code
const FIELDS = "input, textarea, select, [contenteditable]";
const text = document.getElementById("text");
let burst = "", last = 0;

// The separator (GS, 0x1D) comes as Ctrl+]; AltGr counts as Ctrl on some keyboards and makes ordinary characters.
function character(event) {
  if (event.ctrlKey && event.key === "]" && !event.altKey) return "\u001d";
  const plain = event.getModifierState("AltGraph") || !(event.ctrlKey || event.altKey || event.metaKey);
  return plain && event.key.length === 1 ? event.key : "";
}

function key(event) {
  if (event.target.closest?.(FIELDS)) {
    burst = "";
    return;
  }
  if (event.timeStamp - last > GAP_MS) burst = "";
  last = event.timeStamp;
  if (event.key !== "Enter") {
    burst += character(event);
  } else if (burst.length >= LEAST) {
    event.preventDefault(); // of the link or button that has the focus
    text.value = burst;
    text.form.requestSubmit();
    burst = "";
  }
}

if (text) addEventListener("keydown", key, true);
