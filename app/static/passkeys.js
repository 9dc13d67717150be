// Passkeys: a form with `data-passkey` fetches options from its address, asks the browser for a passkey, and sends it.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (it) => it.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

function asked(options) {
  const named = (options.excludeCredentials || []).map((it) => ({ ...it, id: bytes(it.id) }));
  const user = options.user && { ...options.user, id: bytes(options.user.id) };
  const more = user ? { user, excludeCredentials: named } : { allowCredentials: [] };
  return { publicKey: { ...options, challenge: bytes(options.challenge), ...more } };
}

function told(credential) {
  const said = { clientDataJSON: text(credential.response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) said[name] = text(credential.response[name]);
  }
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response: said, clientExtensionResults: {} };
}

for (const form of window.PublicKeyCredential ? document.querySelectorAll("[data-passkey]") : []) {
  const problem = form.querySelector("[data-problem]");
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.hidden = true;
    try {
      const answer = await fetch(form.dataset.passkey, { method: "POST", body: new URLSearchParams() });
      if (answer.status === 403 && location.pathname.startsWith("/admin")) return location.assign("/admin/sign-ins/proof");
      if (!answer.ok) throw new Error("refused");
      const options = asked(await answer.json());
      const made = options.publicKey.user
        ? await navigator.credentials.create(options)
        : await navigator.credentials.get(options);
      form.elements.credential.value = JSON.stringify(told(made));
      form.submit();
    } catch {
      problem.hidden = false;
    }
  });
}
for (const it of document.querySelectorAll("[data-no-passkey]")) it.hidden = Boolean(window.PublicKeyCredential);
