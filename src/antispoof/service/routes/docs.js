/* Lets the calls of the page be tried. What is typed stays in the page; only the call itself is sent. */
"use strict";

function learn(document_) {
  // A session that was opened here is the one that the other calls are tried with.
  if (typeof document_.client_token !== "string") return;
  document.getElementById("client-token").value = document_.client_token;
  for (const field of document.querySelectorAll('input[name="session_id"]')) field.value = document_.id;
}

async function digest(file) {
  const found = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(found)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function call(form) {
  const fields = [...form.elements].filter((field) => field.name);
  let path = form.dataset.path;
  const headers = {};
  const parts = new FormData();
  let body;
  for (const field of fields) {
    if (field.dataset.in === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(field.value));
    else if (field.dataset.in === "header" && field.value) headers[field.name] = field.value;
    else if (field.dataset.in === "json") body = field.value;
    else if (field.type === "file") for (const file of field.files) parts.append(field.name, file);
    else if (field.dataset.in === "form" && field.value) parts.append(field.name, field.value);
  }
  if (form.dataset.kind === "multipart/form-data") body = parts;
  if (form.dataset.kind === "application/json") headers["Content-Type"] = "application/json";
  const needs = (form.dataset.needs || "").split(" ");
  const key = document.getElementById("api-key").value.trim();
  const token = document.getElementById("client-token").value.trim();
  const sent = (needs.includes("ApiKey") && key) || (needs.includes("ClientToken") && token);
  if (sent) headers.Authorization = `Bearer ${sent}`;
  const answer = await fetch(path, { method: form.dataset.method, headers, body });
  const text = await answer.text();
  let shown = text;
  try {
    const parsed = JSON.parse(text);
    learn(parsed);
    shown = JSON.stringify(parsed, null, 2);
  } catch {
    // no JSON: shown as it came
  }
  return `${answer.status} ${answer.statusText}\n\n${shown}`;
}

for (const form of document.querySelectorAll("form.try")) {
  const output = form.querySelector("output");
  for (const file of form.querySelectorAll('input[type="file"]')) {
    file.addEventListener("change", async () => {
      const field = form.elements.namedItem("sha256");
      if (field && file.files.length === 1) field.value = await digest(file.files[0]);
    });
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    output.textContent = "…";
    try {
      output.textContent = await call(form);
    } catch (error) {
      output.textContent = String(error);
    }
  });
}
