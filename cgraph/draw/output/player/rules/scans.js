// Running products, extremes and recurrences along an axis: each entry of a line from the ones before it.
'use strict';
CGraphInterpreter.learn(function (kit) {
  // What enters at i goes on to all entries after it: g[i] = u[i] + a[i + 1] g[i + 1], from the end.
  function backwards(node, a, u) {
    var g = kit.zeros(u.length);
    kit.lines(node, u.length).forEach(function (line) {
      for (var i = line.length - 1; i >= 0; i--) g[line[i]] = u[line[i]] + (i + 1 < line.length ? a[line[i + 1]] * g[line[i + 1]] : 0);
    });
    return g;
  }
  function along(node, x, f) {  // f(entry's place in the array, place before it or -1, result so far)
    var r = kit.zeros(x.length);
    kit.lines(node, x.length).forEach(function (line) { line.forEach(function (k, i) { r[k] = f(k, i ? line[i - 1] : -1, r); }); });
    return r;
  }
  function extreme(pick) {
    return {
      value: function (node, x) { return along(node, x[0], function (k, before, r) { return before < 0 ? x[0][k] : pick(r[before], x[0][k]); }); },
      vjp: function (node, i, u, out, x) {  // the entries so far that are equal to the extreme share it
        var g = kit.zeros(u.length);
        kit.lines(node, u.length).forEach(function (line) {
          var hits = [];
          line.forEach(function (k, i) {
            if (i && out[k] !== out[line[i - 1]]) hits = [];
            if (x[0][k] === out[k]) hits.push(k);
            hits.forEach(function (h) { g[h] += u[k] / hits.length; });
          });
        });
        return g;
      }
    };
  }
  return {
    linear_recurrence: {
      value: function (node, x) { return along(node, x[1], function (k, before, r) { return before < 0 ? x[1][k] : x[0][k] * r[before] + x[1][k]; }); },
      vjp: function (node, i, u, out, x) {
        var g = backwards(node, x[0], u);
        return i ? g : along(node, g, function (k, before) { return g[k] * (before < 0 ? 0 : out[before]); });
      }
    },
    cumprod: {
      value: function (node, x) { return along(node, x[0], function (k, before, r) { return before < 0 ? x[0][k] : r[before] * x[0][k]; }); },
      vjp: function (node, i, u, out, x) {
        var g = backwards(node, x[0], u);
        return along(node, g, function (k, before) { return g[k] * (before < 0 ? 1 : out[before]); });
      }
    },
    cummax: extreme(Math.max),
    cummin: extreme(Math.min)
  };
});
