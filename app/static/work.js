// Joins with a proof of work, in rooms that ask for one: a join that is refused with a challenge is sent again with its
// solution. So the queue page itself knows nothing of it. A worker computes; where there can be none, the slower lane is asked for.
const plain = window.fetch.bind(window);

window.fetch = async (url, options) => {
  const answer = await plain(url, options);
  if (answer.status !== 403 || options?.method !== "POST") return answer;
  const { challenge } = await answer.clone().json().catch(() => ({}));
  if (!challenge) return answer;
  const proof_of_work = await solved(challenge).catch(() => null);
  const more = proof_of_work ? { proof_of_work } : { slower_lane: true };
  return plain(url, { ...options, body: JSON.stringify({ ...JSON.parse(options.body), ...more }) });
};

function solved(challenge) {
  return new Promise((done, failed) => {
    const worker = new Worker(new URL("work-worker.js", import.meta.url));
    worker.onerror = failed;
    worker.onmessage = ({ data }) => {
      worker.terminate();
      const { algorithm, challenge: hash, salt, signature } = challenge;
      if (data === null) return failed();
      done(btoa(JSON.stringify({ algorithm, challenge: hash, number: data, salt, signature })));
    };
    worker.postMessage(challenge);
  });
}
