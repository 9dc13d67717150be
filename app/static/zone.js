// The time zone of this browser, told with a form.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
for (const input of document.querySelectorAll("[data-browser-zone]")) input.value = zone;
