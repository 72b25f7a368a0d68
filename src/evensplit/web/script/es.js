// Evensplit in the browser. How a page uses it, and what it sends: docs/browser.md.
// Served without the lines that are comments and without indentation; nothing else is changed.
(() => {
  const page = document, here = location, browser = navigator, early = window.evensplit;
  const tag = page.currentScript || page.querySelector('script[data-key]');
  if (!tag || (early && early.track)) return;
  const options = tag.dataset, has = (name) => name in options;
  const base = new URL(options.path || '/v1', options.host || tag.src) + '/';
  const silent = browser.globalPrivacyControl || browser.doNotTrack == 1;
  const byHash = has('hash');

  // What is remembered: in localStorage, or in an object that lives as long as the page.
  let box = {};
  try {
    if (!silent && !has('cookieless')) box = localStorage;
  } catch {}
  const put = (key, value) => {
    try {
      box[key] = value;
    } catch {
      box = { ...box, [key]: value };
    }
    return value;
  };

  // A UUID of version 7: such ids sort in the order in which they were made, also those of one millisecond.
  let made = 0;
  const newId = (at = (made = Math.max(Date.now(), made + 1))) =>
    [...crypto.getRandomValues(new Uint8Array(9))]
      .reduce((hex, byte) => hex + (byte + 256).toString(16).slice(1), at.toString(16).padStart(12, 0) + 7)
      .replace(/(.{8})(.{4})(.{4})(.{3})/, '$1-$2-$3-a$4-');
  const anonymous = () => box['es.anonymous'] || put('es.anonymous', newId());
  const session = () => {
    const now = Date.now(), [id, last] = (box['es.session'] || ' 0').split(' ');
    const current = now - last > 18e5 ? newId() : id;
    put('es.session', current + ' ' + now);
    return current;
  };

  // The queue: a key for each entry, so that tabs do not overwrite each other's. An entry stays until a reply says that
  // it is stored, or that it never can be; sent again it is counted once, because the server knows its id for a week.
  let timer, pause = 0, flying = [];
  const kinds = ['es.event.', 'es.identify.'];
  const waiting = (kind) => Object.keys(box).filter((key) => key.startsWith(kind) && !flying.includes(key)).sort();
  const enqueue = (kind, id, entry) => {
    put(kind + id, JSON.stringify(entry));
    waiting(kind).slice(0, -500).forEach((key) => delete box[key]);
    later();
  };
  const later = () => {
    timer = timer || setTimeout(flush, (pause || 250) * (0.5 + Math.random()));
  };
  const bundle = () => {
    let size = 0;
    const keys = waiting(kinds[0]).filter((key, at) => (size += box[key].length) < 15e3 || !at);
    return [keys, `{"sent_at":"${new Date().toISOString()}","events":[${keys.map((key) => box[key])}]}`];
  };
  const url = (path) => base + path + '?key=' + options.key;
  // Text, which needs no preflight. What is to outlive the page may have 64 KiB.
  const post = (path, body) =>
    fetch(url(path), { method: 'POST', body, credentials: 'omit', keepalive: body.length < 2e4 });
  const flush = () => {
    timer = clearTimeout(timer);
    if (flying.length || browser.onLine === false) return;
    const [keys, body] = bundle(), who = !keys.length && waiting(kinds[1])[0];
    flying = who ? [who] : keys;
    if (!flying.length) return;
    post(who ? 'identify' : 'events', who ? box[who] : body)
      .then((reply) => {
        if (!reply.ok && ![400, 413, 422].includes(reply.status)) throw 0;
        flying.forEach((key) => delete box[key]);
        pause = 0;
      })
      .catch(() => {
        pause = Math.min(pause * 2 || 1e3, 3e5);
      })
      .then(() => {
        flying = [];
        if (kinds.some((kind) => waiting(kind).length)) later();
      });
  };
  // Nobody answers a beacon: what it took stays in the queue.
  const leave = () => {
    const beacon = (path, body) => browser.sendBeacon && browser.sendBeacon(url(path), body);
    waiting(kinds[1]).forEach((key) => beacon('identify', box[key]));
    const [keys, body] = bundle();
    if (keys.length) beacon('events', body);
  };

  // The site that somebody came from belongs to the page that they came to, not to the next ones.
  let referrer = page.referrer;
  const place = () => here.pathname + (byHash ? here.hash : '');
  const context = () => {
    const found = {
      $current_url: byHash ? here.href : here.href.split('#')[0],
      $host: here.host,
      $pathname: place(),
      $screen_width: screen.width,
      $lib: 'es.js',
    };
    const from = referrer && new URL(referrer).host;
    if (from && from != here.host) Object.assign(found, { $referrer: referrer, $referring_domain: from });
    new URLSearchParams(here.search).forEach((value, name) => {
      if (/^utm_(source|medium|campaign|term|content)$/.test(name)) found['$' + name] = value;
    });
    // An iPad says that it is a Mac.
    if (/Mac/.test(browser.platform) && browser.maxTouchPoints > 1) {
      found.$os = 'iOS';
      found.$device_type = 'Tablet';
    }
    return found;
  };

  const track = (event_type, properties) => {
    if (silent) return;
    const message_id = newId(), user = box['es.user'];
    enqueue(kinds[0], message_id, {
      event_type,
      message_id,
      timestamp: new Date().toISOString(),
      session_id: session(),
      [user ? 'user_id' : 'anonymous_id']: user || anonymous(),
      properties: { ...context(), ...properties },
    });
  };
  const identify = (id, traits) => {
    const user_id = String(id ?? ''), before = box['es.user'];
    if (silent || !user_id || (before == user_id && !traits)) return;
    if (before && before != user_id) reset();
    enqueue(kinds[1], newId(), { user_id, anonymous_id: anonymous(), traits });
    put('es.user', user_id);
  };
  const reset = () => ['user', 'anonymous', 'session'].forEach((name) => delete box['es.' + name]);

  // An answer holds as long as the page; where there is none, the next call asks again.
  const answers = {};
  const assignment = (experiment) => {
    const anonymous_id = anonymous(), user_id = box['es.user'] || anonymous_id, key = user_id + ' ' + experiment;
    const nobody = { variant: null, payload: null };
    if (silent) return Promise.resolve(nobody);
    const path = `experiments/${encodeURIComponent(experiment)}/assignments`;
    answers[key] =
      answers[key] ||
      post(path, JSON.stringify({ user_id, anonymous_id }))
        .then((reply) => (reply.ok ? reply.json() : Promise.reject()))
        .catch(() => delete answers[key] && nobody);
    return answers[key];
  };
  const variant = (experiment) => assignment(experiment).then((answer) => answer.variant);

  // Page views: one when the page is first seen, one for each other path, one when it is brought back as it was left.
  let seen;
  const view = () => {
    if (seen != null) referrer = '';
    seen = place();
    track('page_view');
  };
  const look = () => seen == null && page.visibilityState == 'visible' && view();
  const moved = () => seen != null && seen != place() && view();

  const marked = (element) => {
    const properties = {};
    for (const { name, value } of element.attributes)
      if (name.startsWith('data-es-prop-')) properties[name.slice(13)] = value;
    track(element.getAttribute('data-es-event'), properties);
  };
  const files = /\.(pdf|csv|txt|docx?|xlsx?|pptx?|epub|zip|rar|7z|t?gz|dmg|exe|msi|pkg|apk|deb|iso|mp[34]|mov|avi|wav)$/i;
  const clicked = ({ target, button }) => {
    if (button > 1 || !target.closest) return;
    const element = target.closest('[data-es-event]'), link = target.closest('a[href]');
    if (element && element.nodeName != 'FORM') marked(element);
    if (!link || !/^https?:/.test(link.href)) return;
    const file = link.hasAttribute('download') || files.test(link.pathname);
    if (file || link.host != here.host) track(file ? 'file_download' : 'outbound_click', { $link_url: link.href });
  };

  // What the page asked for before the script was there goes first: it may say who this is.
  const api = (window.evensplit = { track, identify, variant, assignment, reset });
  api.push = ([name, ...values]) => api[name](...values);
  if (Array.isArray(early)) early.forEach(api.push);
  if (silent) return;

  const oldest = newId(Date.now() - 6048e5);
  for (const kind of kinds) waiting(kind).forEach((key) => key < kind + oldest && delete box[key]);
  later();
  const on = (target, names, listener) =>
    names.split(' ').forEach((name) => target.addEventListener(name, listener, true));
  on(window, 'online', () => {
    pause = 0;
    flush();
  });
  on(page, 'click auxclick', clicked);
  on(page, 'submit', ({ target }) => target.hasAttribute('data-es-event') && marked(target));
  on(page, 'visibilitychange', () => page.visibilityState == 'hidden' && leave());
  if (has('manual')) return;
  for (const name of ['pushState', 'replaceState']) {
    const own = history[name];
    history[name] = (...values) => {
      own.apply(history, values);
      moved();
    };
  }
  on(window, 'popstate', moved);
  on(window, 'pageshow', (event) => event.persisted && view());
  on(page, 'visibilitychange', look);
  look();
})();
