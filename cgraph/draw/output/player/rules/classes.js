// Cross-entropy over classes, fused with the softmax of its logits. A difference that would cancel is taken over the other classes.
'use strict';
CGraphInterpreter.learn(function (kit) {
  function others(node, v) {  // for each entry the sum of the others of its group
    var lines = kit.lines(node, v.length), r = kit.zeros(v.length);
    lines.forEach(function (line) { line.forEach(function (k) { line.forEach(function (j) { if (j !== k) r[k] += v[j]; }); }); });
    return r;
  }
  function slope(node, x) {
    var s = kit.softmax(node, x[0]), a = others(node, x[1]), b = others(node, s);
    return s.map(function (v, k) { return v * a[k] - x[1][k] * b[k]; });
  }
  function total(node, v) { var t = kit.perGroup(node, v, 0, kit.plus); return kit.spread(node, t, v.length, function (w) { return w; }); }
  return {
    stable_cross_entropy: {
      value: function (node, x) {
        var l = kit.logSoftmax(node, x);
        return kit.perGroup(node, l.map(function (v, k) { return x[1][k] === 0 ? 0 : x[1][k] * v; }), 0, kit.plus).map(function (v) { return 0 - v; });
      },
      vjp: function (node, i, u, out, x) {
        var w = i ? kit.logSoftmax(node, x).map(function (v) { return -v; }) : slope(node, x);
        return kit.spread(node, u, w.length, function (v, k) { return v * w[k]; });
      }
    },
    cross_entropy_slope: {
      value: slope,
      vjp: function (node, i, u, out, x) {
        var s = kit.softmax(node, x[0]), along = total(node, s.map(function (v, k) { return v * u[k]; })), y = total(node, x[1]);
        return s.map(function (v, k) { return i ? along[k] - u[k] : v * y[k] * (u[k] - along[k]); });
      }
    }
  };
});
