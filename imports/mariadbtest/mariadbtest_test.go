package mariadbtest

import "testing"

func TestStart(t *testing.T) {
	s := Start(t)
	db := s.Create(t, "one", "CREATE TABLE names (name VARCHAR(20))", "INSERT INTO names VALUES ('Käthe')")
	var name string
	if err := db.QueryRow("SELECT name FROM names").Scan(&name); err != nil || name != "Käthe" {
		t.Errorf("got %q, %v", name, err)
	}
	s.Stop()
	if err := db.Ping(); err == nil {
		t.Error("the server still answers after Stop")
	}
}
