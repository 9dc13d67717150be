// Puts the content of a chosen file into its text field; without JavaScript the text is pasted.
for (const pick of document.querySelectorAll("[data-into]")) {
  pick.closest("[data-needs-script]").hidden = false;
  pick.addEventListener("change", async () => {
    const [file] = pick.files;
    if (file) document.getElementById(pick.dataset.into).value = await file.text();
  });
}
