// --- Where the viewer begins, once all of it is there -------------------------------------------------------

cxr.onChange(() => { noticeReadFirst(); show(); });
cxrCases.onChange(show);
cxrCases.connect((name) => open({ name: cxrCases.titleOf(name), case: name }));
cxrList.reopen();
